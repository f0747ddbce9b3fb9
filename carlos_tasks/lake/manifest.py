"""The manifest of embeddings: which shards are in the lake (`core.embedding_shard`), and reading just those.

Shards are objects of the store and no files of the catalog. A file in DuckLake's catalog makes every statement a bit
slower, whatever it asks, and a lake of many LoRAs has a million shards. A row of the manifest costs nothing of that
kind, and comes and goes in the same transaction as what is computed from it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from carlos_tasks.lake.measurement import CheckedShard
from carlos_tasks.lake.place import urls_of
from carlos_tasks.lake.quoting import as_pattern, literal
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.shards import SHARD_SCHEMA, ShardFile
from carlos_tasks.lake.statements import rows, run_statement, statement

_SHARD = pa.schema(
    [
        ("profile_id", pa.string()),
        ("lora_id", pa.string()),
        ("number", pa.int32()),
        ("key", pa.string()),
        ("sha256", pa.string()),
        ("size_bytes", pa.int64()),
        ("n_pairs", pa.int32()),
        ("pairs_sha256", pa.string()),
        ("rows_sha256", pa.string()),
        ("is_sealed", pa.bool_()),
        ("snapshot_id", pa.int64()),
    ]
)


def known_shards(
    con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]
) -> dict[str, list[ShardFile]]:
    """By lora_id: its shards in the lake, in their order; of one without shards an empty list.

    A shard that an older version registered has no hash.
    """
    shards: dict[str, list[ShardFile]] = {lora_id: [] for lora_id in lora_ids}
    if lora_ids:
        wanted = {"profile_id": profile_id, "lora_ids": list(shards)}
        for row in rows(con, statement("ask/lake/known_shards"), wanted):
            shards[row.pop("lora_id")].append(ShardFile(**row))
    return shards


def record_shards(con: duckdb.DuckDBPyConnection, shards: Sequence[CheckedShard], snapshot: int) -> int:
    """Put shards into the lake, or what their bytes are into rows that say otherwise; run it inside a transaction.

    Returns:
        Number of pairs of the shards that were not in the lake.
    """
    known: dict[str, ShardFile] = {}
    for profile_id in sorted({shard.identity.profile_id for shard in shards}):
        ids = sorted({s.identity.lora_id for s in shards if s.identity.profile_id == profile_id})
        own = known_shards(con, profile_id, ids)
        known |= {file.key: file for files in own.values() for file in files}
    changed = [shard for shard in shards if known.get(shard.file.key) != shard.file]
    forget_shards(con, [shard.file.key for shard in changed if shard.file.key in known])
    if changed:
        found = [
            {**s.identity.model_dump(), **s.file.model_dump(), "is_sealed": s.is_sealed, "snapshot_id": snapshot}
            for s in changed
        ]
        with registered(con, "checked", pa.Table.from_pylist(found, schema=_SHARD)):
            run_statement(con, "add_embedding_shards")
    return sum(shard.identity.n_pairs for shard in changed if shard.file.key not in known)


def forget_shards(con: duckdb.DuckDBPyConnection, keys: Iterable[str]) -> None:
    """Take shards out of the lake; their objects stay. Run it inside a transaction."""
    gone = sorted(set(keys))
    if gone:
        run_statement(con, "remove_embedding_shards", {"keys": gone})


@contextmanager
def shard_rows(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> Iterator[None]:
    """Let SQL read the embeddings of some LoRAs as `shard_row`, with the columns of core.embedding.

    Their shards are named one by one: nothing is listed in the store.
    """
    files = [file for own in known_shards(con, profile_id, list(dict.fromkeys(lora_ids))).values() for file in own]
    named = ", ".join(literal(as_pattern(url)) for url in urls_of(con, [file.key for file in files]))
    if files:
        source = f"read_parquet([{named}], hive_partitioning = true, hive_types_autocast = false)"
    else:
        source = "no_shard_row"
        con.register("no_shard_row", _IDS.empty_table())
    columns = ", ".join(_IDS.names)
    con.execute(f"create or replace temp view shard_row as select {columns} from {source}")  # noqa: S608
    try:
        yield
    finally:
        con.execute("drop view temp.shard_row")
        if not files:
            con.unregister("no_shard_row")


_IDS = pa.schema([("profile_id", pa.string()), ("lora_id", pa.string()), *SHARD_SCHEMA])
