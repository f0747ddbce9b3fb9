"""Embedding shards: the parquet files that a GPU worker leaves in object storage and one commit registers.

A shard holds the embeddings of one LoRA (or of the baseline, `lora_id = 'base'`) for some pairs of one profile.
Key and bytes are functions of its rows, so a retry overwrites a shard with itself.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.store.keys import parse_shard_key
from carlos_tasks.store.objects import ObjectStore

FLAGS = ("nan", "black", "constant")

#: Largest component that the exact sums of `sql/commit/insert_representation.sql` hold.
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


def write_shard(store: ObjectStore, key: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Check the rows and write the shard whole or not at all; return its number of rows.

    Args:
        rows: mappings with the columns of SHARD_SCHEMA; `embedding` is float32 (d,), or None where flag is 'nan'.

    Raises:
        ValueError: no rows, a duplicate pair, mixed dimensions, an embedding that is not float32 or is not finite
            and not flagged, an unknown flag.
    """
    parse_shard_key(key)
    data = shard_bytes(rows)
    store.write(key, data)
    return pq.read_metadata(pa.BufferReader(data)).num_rows


def shard_bytes(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the shard as parquet, sorted by (prompt_id, seed), so that the order of `rows` does not matter."""
    ordered = sorted(rows, key=lambda row: (row["prompt_id"], row["seed"]))
    _check(ordered)
    columns = {name: [row.get(name) for row in ordered] for name in SHARD_SCHEMA.names}
    table = pa.table(columns, schema=SHARD_SCHEMA)
    table.validate(full=True)
    buffer = io.BytesIO()
    # Floats neither repeat nor compress: packing them would only cost the reader time.
    packed = ["prompt_id", "flag"]
    compression = {column: "zstd" if column in packed else "none" for column in _LEAVES}
    pq.write_table(
        table,
        buffer,
        compression=compression,
        use_dictionary=packed,
        version="2.6",
        store_schema=False,
        row_group_size=4096,
    )
    return buffer.getvalue()


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
