"""The parquet file that intake hands to the commit: what one source shard listed, and what of it was refused.

One file per source shard (`intake_key`), written whole by `shard_intake` without a catalog in reach and read by
`commit`. A row is one file of the source:

- `kind = 'listing'`: the source listed it. `lora_id` is set when its bytes were taken in (or were known already),
  and then `lora` says what the checks found in them.
- `kind = 'rejection'`: it was refused; `rejection` says why. A refused file that could be listed has both rows.

Its key-value metadata say which shard was read, in which state, and how many records the reader counted
(`ShardRead`), so that the commit can tell when one was lost. Rows stand in the order of the shard, in batches that
fit into memory. The bytes are a function of the rows and the shard: no clock, no path and no random value is added.
"""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from carlos_tasks.errors import PermanentError
from carlos_tasks.store.keys import intake_key
from carlos_tasks.store.sealed import seal, unseal

_TIME = pa.timestamp("us", tz="UTC")
_READ = b"carlos.shard_read"
# A batch is a row group: whichever of the two is reached first.
BATCH_ROWS = 2048
BATCH_BYTES = 8 * 2**20  # of payloads and descriptions; a character counts as one
# Columns whose values seldom repeat: looking for repetitions would cost time and memory.
_UNIQUE = frozenset({"model_id", "version_id", "file_id", "payload_sha256", "description", "sha256_claimed", "payload"})

#: Facts of `core.lora`, null where no bytes were taken in.
LORA_FIELDS: tuple[pa.Field, ...] = (
    pa.field("family", pa.string()),
    pa.field("base_model", pa.string()),
    pa.field("base_model_evidence", pa.string()),
    pa.field("rank", pa.int32()),
    pa.field("alpha", pa.float64()),
    pa.field("n_modules", pa.int32()),
    pa.field("n_modules_matched", pa.int32()),
    pa.field("modules", pa.string()),  # JSON object text: modules by component and kind
    pa.field("tensors_sha256", pa.string()),
    pa.field("base_model_in_metadata", pa.string()),
    pa.field("base_model_in_metadata_named", pa.string()),  # what these words mean in our names
    pa.field("license", pa.string()),
    pa.field("trigger_words", pa.list_(pa.string())),
    pa.field("frequent_tags", pa.list_(pa.string())),
    pa.field("size_bytes", pa.int64()),
    pa.field("metadata", pa.string()),  # JSON object text: the safetensors header's __metadata__
    pa.field("file_key", pa.string()),  # files/<lora_id>.safetensors
    pa.field("checks_version", pa.int32()),
    pa.field("scale_told_by", pa.string()),
    pa.field("is_scale_known", pa.bool_()),
    pa.field("scale_detail", pa.string()),
    pa.field("scale_key", pa.string()),  # hash of what is stated of the scale in the header and beside the file
    pa.field("stated_scale", pa.string()),  # JSON object text: of an adapter_config.json beside the file
)

#: Why a file was refused, null in listing rows.
REJECTION_FIELDS: tuple[pa.Field, ...] = (
    pa.field("reason", pa.string()),  # a code of carlos_tasks.untrusted.reasons.Reason
    pa.field("detail", pa.string()),
    pa.field("quarantine_key", pa.string()),  # null where no bytes were kept
    pa.field("is_listed", pa.bool_()),  # true where the refused file has a listing row as well
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
        pa.field("base_model_named", pa.string()),  # what these words mean in our names; null: not known
        pa.field("trained_words", pa.list_(pa.string())),
        pa.field("nsfw_level", pa.int32()),
        pa.field("file_name", pa.string()),
        pa.field("file_format", pa.string()),
        pa.field("size_bytes", pa.int64()),  # as the source claims it
        pa.field("sha256_claimed", pa.string()),
        pa.field("published_at", pa.string()),  # as the source writes it (ISO 8601), not parsed
        pa.field("license", pa.string()),  # JSON object text
        pa.field("payload", pa.string()),  # JSON text: {"model": …, "version": …, "file": …}
        pa.field("notes", pa.list_(pa.string())),  # what was passed over in reading it
        pa.field("lora", pa.struct(LORA_FIELDS)),
        pa.field("rejection", pa.struct(REJECTION_FIELDS)),
    ]
)


_NULLS = dict.fromkeys(INTAKE_SCHEMA.names)
_values = itemgetter(*INTAKE_SCHEMA.names)


@dataclass(frozen=True)
class ShardRead:
    """Which shard was read, in which state and under which rules, and what was counted while reading."""

    source_uri: str
    shard_key: str
    etag: str  # empty: the source does not have the shard any more
    last_modified: str  # ISO 8601
    checks_version: int
    base_models: list[str] | None  # None: every base model was taken in
    max_bytes: int
    is_complete: bool  # False where the shard broke off
    n_records: int


_SHARD_READ = TypeAdapter(ShardRead)


class IntakeWriter:
    """Writes an intake file, row by row, holding two batches of rows; the file counts only once it is finished.

    One batch is written by a thread of its own while the next one is gathered.
    """

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(
            path,
            INTAKE_SCHEMA,
            compression="zstd",
            version="2.6",
            store_schema=False,
            use_dictionary=[name for name in INTAKE_SCHEMA.names if name not in _UNIQUE],
        )
        self._rows: list[tuple[Any, ...]] = []
        self._n_bytes = 0
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] = Future()
        self._writing.set_result(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown()
        self._writer.close()
        pa.default_memory_pool().release_unused()  # the commit may follow in the same process

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row with the columns of `INTAKE_SCHEMA`; a missing column is null.

        Raises:
            pyarrow.ArrowInvalid, pyarrow.ArrowTypeError: a value of an earlier row that its column cannot hold.
        """
        self._rows.append(_values(row if len(row) == len(INTAKE_SCHEMA) else {**_NULLS, **row}))
        self._n_bytes += len(row.get("payload") or "") + len(row.get("description") or "")
        if len(self._rows) >= BATCH_ROWS or self._n_bytes >= BATCH_BYTES:
            self._hand_over()

    def finish(self, read: ShardRead) -> None:
        """Write what is left, and which shard the rows are of; it raises what `add` does."""
        self._hand_over()
        self._writing.result()
        key = intake_key(read.source_uri, read.shard_key)
        self._writer.add_key_value_metadata({_READ: seal(key, asdict(read)).decode()})

    def _hand_over(self) -> None:
        """Let the batch be written once the one before is."""
        self._writing.result()
        if self._rows:
            self._writing = self._thread.submit(self._write_batch, self._rows)
            self._rows, self._n_bytes = [], 0

    def _write_batch(self, rows: list[tuple[Any, ...]]) -> None:
        columns = dict(zip(INTAKE_SCHEMA.names, zip(*rows, strict=True), strict=True))
        batch = pa.Table.from_pydict(columns, schema=INTAKE_SCHEMA)
        batch.validate(full=True)
        self._writer.write_table(batch)


def shard_read(metadata: Mapping[bytes, bytes], key: str) -> ShardRead:
    """Return which shard the intake file at a key is of.

    Raises:
        PermanentError: the file does not say it, so that it was not finished or is none of ours; or it is of another
            shard than its key.
    """
    try:
        read = _SHARD_READ.validate_python(unseal(key, metadata[_READ]))
        datetime.fromisoformat(read.last_modified)
    except (KeyError, ValueError, PermanentError) as exc:
        raise PermanentError(f"{key} does not say which shard it is of: take the shard in again") from exc
    if intake_key(read.source_uri, read.shard_key) != key:
        raise PermanentError(f"{key} is of another shard, {read.shard_key}: take the shard in again")
    return read
