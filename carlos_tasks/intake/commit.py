"""The commit of an intake: listings, refusals, LoRAs and the state of their shards, in one transaction.

DuckDB streams the intake file from the store; it is never whole in memory. Before anything is added, its rows are
counted: the listings that were not refused and the rejections must be the records that the reader counted.
It makes one snapshot; a second commit of the same file changes nothing and makes none, unless a live source did not
give a file: when it was last asked is dated anew.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from carlos_tasks.errors import PermanentError
from carlos_tasks.intake.schema import ShardRead, shard_read
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.migrate import rows_in_any_order
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.row_groups import keep_row_groups_small
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore

# What DuckDB may hold; more than that it spills into a temporary folder. One thread holds half of what two do.
_MEMORY = "128MB"
# DuckLake's default would hold half a gigabyte of listings until they are written.
_ROW_GROUPS = {"parquet_row_group_size": "2048", "parquet_row_group_size_bytes": "8MB"}
#: Columns of `taken`, the shards that are committed: those of raw.shard but the time.
TAKEN = pa.schema(
    [
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("shard_key", pa.string(), nullable=False),
        pa.field("etag", pa.string(), nullable=False),
        pa.field("last_modified", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("checks_version", pa.int32(), nullable=False),
        pa.field("base_models", pa.list_(pa.string())),
        pa.field("max_bytes", pa.int64(), nullable=False),
        pa.field("is_complete", pa.bool_(), nullable=False),
        pa.field("n_records", pa.int64(), nullable=False),
        pa.field("n_listings", pa.int64(), nullable=False),
        pa.field("n_rejections", pa.int64(), nullable=False),
    ]
)
_STATEMENTS = (
    *("add_listings", "add_rejections", "add_loras", "renew_scales", "renew_loras", "renew_listings"),
    *("add_shards", "put_sightings", "put_awaited", "remove_awaited", "remove_shard_failures"),
)


@dataclass(frozen=True)
class IntakeCommit:
    """What the commit of intake files added."""

    snapshot_id: int
    n_new_listings: int
    n_new_rejections: int
    n_new_loras: int


def commit_intake(settings: Settings, intake_keys: Sequence[str]) -> IntakeCommit:
    """Add the listings, refusals and LoRAs of source shards to the lake.

    Args:
        settings: where the lake lies.
        intake_keys: keys of the files that intake wrote (`carlos_tasks.intake.schema`), of one source.

    Raises:
        NotFound: there is no such file.
        PermanentError: a file does not hold all the records that its reader counted, or is of another source.
        PassingError: another commit came in between, or catalog or storage did not answer.
    """
    store = open_store(settings.store)
    for key in intake_keys:
        store.info(key)
    with connect(settings, read_only=False) as con, lake_errors(), _small(con, is_remote=store.uri.startswith("s3://")):
        migrate(con)
        keep_row_groups_small(con, "raw.listing", **_ROW_GROUPS)
        taken = pa.Table.from_pylist(_counted(con, store, intake_keys), schema=TAKEN)
        seen = con.read_parquet([store.url(key) for key in intake_keys])
        with transaction(con, "intake", {"intake_keys": list(intake_keys)}):
            added = add_intake(con, taken, seen)
        return IntakeCommit(snapshot_id(con), added["add_listings"], added["add_rejections"], added["add_loras"])


def add_intake(con: duckdb.DuckDBPyConnection, taken: pa.Table, seen: Any) -> dict[str, int]:
    """Add the rows of intake files inside a transaction; returns how many rows each statement of sql/commit added.

    Args:
        taken: the shards (`TAKEN`).
        seen: their rows (`INTAKE_SCHEMA`), a table or a relation.
    """
    with rows_in_any_order(con), registered(con, "taken", taken), registered(con, "seen", seen):
        return {name: run_statement(con, name) for name in _STATEMENTS}


@contextmanager
def _small(con: duckdb.DuckDBPyConnection, is_remote: bool) -> Iterator[None]:
    """Bound what DuckDB holds in memory."""
    with tempfile.TemporaryDirectory(prefix="carlos-commit-") as room:
        con.execute("set memory_limit = $memory", {"memory": _MEMORY})
        con.execute("set temp_directory = $room", {"room": room})
        con.execute("set threads = 1")
        con.execute("set preserve_insertion_order = false")  # DuckDB bounds the bytes of a row group only then
        con.execute("set enable_caching_operators = false")  # they would gather 2,048 rows, whatever their size
        # The side of a join that is written last is the one that is held, never the intake file with its payloads.
        con.execute("set disabled_optimizers = 'build_side_probe_side'")
        if is_remote:
            # Parts of an upload are held: the default is 76 MiB each, and 50 at once.
            con.execute("set s3_uploader_max_filesize = '60GB'")
            con.execute("set s3_uploader_thread_limit = 1")
            con.execute("set enable_external_file_cache = false")
        yield


def _counted(con: duckdb.DuckDBPyConnection, store: ObjectStore, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of raw.shard for intake files, with their rows counted and compared with the reader's count."""
    rows = []
    for key in keys:
        read, n_listed, n_rejections = _read_intake(con, store.url(key), key)
        if n_listed + n_rejections != read.n_records:
            raise PermanentError(
                f"{key}: {read.n_records} records were read, and {n_listed} listings and {n_rejections} rejections "
                "came of them: nothing is committed"
            )
        rows.append(_row_of(read, n_listed, n_rejections))
    if len({row["source_uri"] for row in rows}) > 1:
        raise PermanentError("one commit takes the shards of one source")
    return rows


def _read_intake(con: duckdb.DuckDBPyConnection, url: str, key: str) -> tuple[ShardRead, int, int]:
    """Return which shard an intake file is of, and count its listings that were not refused and its rejections."""
    try:
        with lake_errors():
            metadata = dict(con.execute("select key, value from parquet_kv_metadata($1)", [url]).fetchall())
            ((n_listed, n_rejections),) = con.execute(
                "select count(*) filter (kind = 'listing') - count(*) filter (rejection.is_listed), "
                "count(*) filter (kind = 'rejection') from read_parquet($1)",
                [url],
            ).fetchall()
    except PermanentError as exc:
        raise PermanentError(f"{key} cannot be read, take the shard in again: {exc}") from exc
    return shard_read(metadata, key), n_listed, n_rejections


def _row_of(read: ShardRead, n_listings: int, n_rejections: int) -> dict[str, Any]:
    modified = datetime.fromisoformat(read.last_modified).astimezone(UTC)
    return vars(read) | {"last_modified": modified, "n_listings": n_listings, "n_rejections": n_rejections}
