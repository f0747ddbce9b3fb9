"""Embedding shards: the parquet files that a GPU worker leaves in object storage and one commit puts into the lake.

A shard holds the embeddings of one LoRA (or of the baseline, `lora_id = 'base'`) for some pairs of one profile.
Its bytes are a function of its key and its rows, so a retry overwrites a shard with itself. Its footer says whose it is
and which pairs it holds (`ShardIdentity`), and a hash of its rows, so that a shard can be checked by itself.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from carlos_tasks.store.keys import parse_shard_key
from carlos_tasks.store.objects import ObjectStore

FLAGS = ("nan", "black", "constant")

#: Largest component that the exact sums (`core.exact`) hold.
MAX_COMPONENT = float(2**20)

#: One row per pair; profile_id and lora_id are not columns but hive partitions of the key.
SHARD_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("prompt_id", pa.string(), nullable=False),
        pa.field("seed", pa.int32(), nullable=False),
        pa.field("embedding", pa.list_(pa.float32())),  # unnormalised; null where `flag` is 'nan'
        pa.field("image_mean", pa.float32()),
        pa.field("image_std", pa.float32()),
        pa.field("flag", pa.string()),  # null, or why the pair is not used: one of FLAGS
    ]
)

_LEAVES = ("prompt_id", "seed", "embedding.list.element", "image_mean", "image_std", "flag")


_FOOTER_KEY = b"carlos.shard"
# More than any profile has pairs: a footer that claims more is not believed.
_MAX_ROWS = 10**6

Pair = tuple[str, int]


class ShardFile(BaseModel):
    """A shard as its outcome names it. Outcomes of an older version name the key alone."""

    model_config = ConfigDict(frozen=True)

    key: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    size_bytes: int | None = Field(default=None, ge=0, lt=2**63)


class ShardIdentity(BaseModel):
    """What a shard's footer says of it: whose it is, which of the shards, which pairs, and a hash of all its rows."""

    model_config = ConfigDict(frozen=True)

    profile_id: str
    lora_id: str
    number: int
    n_pairs: int
    pairs_sha256: str
    rows_sha256: str


class UnreadableShard(ValueError):
    """The bytes are no shard: cut off, empty, of another schema, or not parquet at all."""


def write_shard(store: ObjectStore, key: str, rows: Iterable[Mapping[str, Any]]) -> ShardFile:
    """Check the rows and write the shard whole or not at all; return what its outcome says of it.

    Args:
        rows: mappings with the columns of SHARD_SCHEMA; `embedding` is float32 (d,), or None where flag is 'nan'.

    Raises:
        ValueError: no rows, a duplicate pair, mixed dimensions, an embedding that is not float32 or is not finite
            and not flagged, an unknown flag.
    """
    data = shard_bytes(key, rows)
    store.write(key, data)
    return shard_file(key, data)


def shard_file(key: str, data: bytes) -> ShardFile:
    """What an outcome says of a shard with these bytes."""
    return ShardFile(key=key, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def shard_bytes(key: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the shard as parquet, sorted by (prompt_id, seed), so that the order of `rows` does not matter."""
    parse_shard_key(key)
    ordered = sorted(rows, key=lambda row: (row["prompt_id"], row["seed"]))
    _check(ordered)
    columns = {name: [row.get(name) for row in ordered] for name in SHARD_SCHEMA.names}
    table = pa.table(columns, schema=SHARD_SCHEMA)
    table.validate(full=True)
    return table_bytes(key, table)


def table_bytes(key: str, table: pa.Table) -> bytes:
    """Return sorted rows as the shard of a key; a shard that was read, under another key, is that LoRA's own shard."""
    buffer = io.BytesIO()
    # Floats neither repeat nor compress: packing them would only cost the reader time.
    packed = ["prompt_id", "flag"]
    compression = {column: "zstd" if column in packed else "none" for column in _LEAVES}
    with pq.ParquetWriter(
        buffer, table.schema, compression=compression, use_dictionary=packed, version="2.6", store_schema=False
    ) as writer:
        writer.write_table(table, row_group_size=4096)
        writer.add_key_value_metadata({_FOOTER_KEY: identity_of(key, table).model_dump_json()})
    return buffer.getvalue()


def no_rows() -> bytes:
    """A parquet file with a shard's columns and no row."""
    buffer = io.BytesIO()
    pq.write_table(SHARD_SCHEMA.empty_table(), buffer)
    return buffer.getvalue()


def identity_of(key: str, table: pa.Table) -> ShardIdentity:
    """What the footer of a shard with these rows says under this key."""
    profile_id, lora_id, number = parse_shard_key(key)
    pairs = list(zip(table["prompt_id"].to_pylist(), table["seed"].to_pylist(), strict=True))
    return ShardIdentity(
        profile_id=profile_id,
        lora_id=lora_id,
        number=number,
        n_pairs=len(pairs),
        pairs_sha256=pairs_sha256(pairs),
        rows_sha256=_rows_sha256(table),
    )


def pairs_sha256(pairs: Iterable[Pair]) -> str:
    """Hash of a set of (prompt_id, seed), whatever their order."""
    return hashlib.sha256(json.dumps(sorted(pairs), separators=(",", ":")).encode()).hexdigest()


def _rows_sha256(table: pa.Table) -> str:
    """Hash of every value of every row; floats by their bits, so that one flipped bit of one is another hash."""
    plain = table.select(["prompt_id", "seed", "flag"]).to_pydict()
    digest = hashlib.sha256()
    for name in ("image_mean", "image_std", "embedding"):
        column = table[name].combine_chunks()
        if name == "embedding":
            plain["dimension"] = column.value_lengths().to_pylist()
            column = column.flatten()
        else:
            plain[name] = column.is_null().to_pylist()
        digest.update(column.drop_null().to_numpy(zero_copy_only=False).astype("<f4").tobytes())
    digest.update(json.dumps(plain, sort_keys=True).encode())
    return digest.hexdigest()


def read_shard(data: bytes) -> tuple[pa.Table, ShardIdentity | None]:
    """Decode a shard: its rows, and what its footer says, None for a shard of an older version.

    Raises:
        UnreadableShard: the bytes are no shard.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        identity = _identity(file.metadata)
        if file.metadata.num_rows > _MAX_ROWS:
            raise UnreadableShard(f"a shard of {file.metadata.num_rows} rows")
        table = file.read()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as exc:
        raise UnreadableShard(f"not a shard: {_first_line(exc)}") from exc
    if (table.schema.names, table.schema.types) != (SHARD_SCHEMA.names, SHARD_SCHEMA.types):
        raise UnreadableShard("its columns are not those of a shard")
    return table, identity


def read_identity(data: bytes) -> ShardIdentity | None:
    """What the footer says, without reading a row; None for a shard of an older version.

    Raises:
        UnreadableShard: there is no footer, or what it says is no identity.
    """
    try:
        return _identity(pq.read_metadata(pa.BufferReader(data)))
    except (pa.ArrowException, OSError, ValueError, MemoryError) as exc:
        raise UnreadableShard(f"not a shard: {_first_line(exc)}") from exc


def _identity(metadata: pq.FileMetaData) -> ShardIdentity | None:
    said = (metadata.metadata or {}).get(_FOOTER_KEY)
    try:
        return None if said is None else ShardIdentity.model_validate_json(said)
    except ValidationError as exc:
        raise UnreadableShard("its footer says nothing that can be read") from exc


def _first_line(exc: BaseException) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0][:200]


def _check(rows: list[Mapping[str, Any]]) -> None:
    if not rows:
        raise ValueError("a shard needs rows")
    pairs = {(row["prompt_id"], row["seed"]) for row in rows}
    if len(pairs) != len(rows):
        raise ValueError("a pair (prompt_id, seed) stands twice in a shard")
    dimensions = {_checked_dimension(row) for row in rows} - {0}
    if len(dimensions) > 1:
        raise ValueError(f"a shard mixes dimensions: {sorted(dimensions)}")


def _checked_dimension(row: Mapping[str, Any]) -> int:
    where = f"pair ({row['prompt_id']!r}, {row['seed']})"
    flag, embedding = row.get("flag"), row.get("embedding")
    if flag is not None and flag not in FLAGS:
        raise ValueError(f"{where}: unknown flag {flag!r}")
    if embedding is None:
        if flag != "nan":
            raise ValueError(f"{where}: no embedding and not flagged 'nan'")
        return 0
    if not isinstance(embedding, np.ndarray) or embedding.dtype != np.float32 or embedding.ndim != 1:
        raise ValueError(f"{where}: the embedding must be a float32 array of one dimension")
    if not embedding.size:
        raise ValueError(f"{where}: the embedding is empty")
    if flag != "nan" and not (np.abs(embedding) <= MAX_COMPONENT).all():
        raise ValueError(f"{where}: not finite or out of range, and not flagged 'nan'")
    return int(embedding.size)
