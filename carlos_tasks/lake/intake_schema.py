"""The parquet file that intake hands to the commit: what one source shard listed, and what of it was refused.

One file per source shard (`intake_key`), written whole by `carlos_tasks.lora.intake` without a catalog in reach and
read by `carlos_tasks.lake.commit.commit_intake`. A row is one file of the source:

- `kind = 'listing'`: the source listed it. `lora_id` is set when its bytes were taken in (or were known already),
  and then `lora` says what the checks found in them.
- `kind = 'rejection'`: it was refused; `rejection` says why. A refused file that could be listed has both rows.

The bytes are a function of the rows: no clock, no path and no random value is added here.
"""

import hashlib
import io
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_TIME = pa.timestamp("us", tz="UTC")

#: Facts of `core.lora`, null where no bytes were taken in.
LORA_FIELDS: tuple[pa.Field, ...] = (
    pa.field("family", pa.string()),
    pa.field("base_model", pa.string()),
    pa.field("base_model_evidence", pa.string()),
    pa.field("rank", pa.int32()),
    pa.field("n_modules", pa.int32()),
    pa.field("trigger_words", pa.list_(pa.string())),
    pa.field("size_bytes", pa.int64()),
    pa.field("metadata", pa.string()),  # JSON object text: the safetensors header's __metadata__
    pa.field("file_key", pa.string()),  # files/<lora_id>.safetensors
)

#: Why a file was refused, null in listing rows.
REJECTION_FIELDS: tuple[pa.Field, ...] = (
    pa.field("reason", pa.string()),  # a code of carlos_tasks.lora.reasons.Reason
    pa.field("detail", pa.string()),
    pa.field("quarantine_key", pa.string()),  # null where no bytes were kept
)

#: One row per file of the source and kind; the columns of the structs are nullable, the key columns are not.
INTAKE_SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("kind", pa.string(), nullable=False),  # 'listing' | 'rejection'
        pa.field("source", pa.string(), nullable=False),
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("version_id", pa.string(), nullable=False),
        pa.field("file_id", pa.string(), nullable=False),
        pa.field("shard_key", pa.string(), nullable=False),  # the source's shard, e.g. models/00001.json
        pa.field("seen_at", _TIME, nullable=False),  # the source shard's last_modified: same shard, same bytes
        pa.field("lora_id", pa.string()),
        pa.field("payload_sha256", pa.string()),  # of the canonical JSON in `payload`; null in rejection rows
        pa.field("name", pa.string()),
        pa.field("version_name", pa.string()),
        pa.field("description", pa.string()),
        pa.field("creator", pa.string()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("base_model_claimed", pa.string()),
        pa.field("trained_words", pa.list_(pa.string())),
        pa.field("nsfw_level", pa.int32()),
        pa.field("file_name", pa.string()),
        pa.field("file_format", pa.string()),
        pa.field("size_bytes", pa.int64()),  # as the source claims it
        pa.field("sha256_claimed", pa.string()),
        pa.field("published_at", pa.string()),  # as the source writes it (ISO 8601), not parsed
        pa.field("license", pa.string()),  # JSON object text
        pa.field("payload", pa.string()),  # JSON text: {"model": …, "version": …, "file": …}
        pa.field("lora", pa.struct(LORA_FIELDS)),
        pa.field("rejection", pa.struct(REJECTION_FIELDS)),
    ]
)

_SORT = [(name, "ascending") for name in ("source", "model_id", "version_id", "file_id", "kind")]


def intake_key(source_uri: str, shard_key: str) -> str:
    """Name the intake file of one source shard: the same shard always gives the same key."""
    digest = hashlib.sha256(f"{source_uri}\n{shard_key}".encode()).hexdigest()
    return f"intake/{digest[:16]}.parquet"


def intake_bytes(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Turn rows into the parquet file, sorted by key so that their order does not change its bytes.

    Args:
        rows: mappings with the columns of `INTAKE_SCHEMA`; a missing column is null.

    Raises:
        pyarrow.ArrowInvalid, pyarrow.ArrowTypeError: a value that its column cannot hold.
    """
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=INTAKE_SCHEMA).sort_by(_SORT)
    table.validate(full=True)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", version="2.6", store_schema=False)
    return buffer.getvalue()
