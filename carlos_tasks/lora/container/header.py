"""The header of a safetensors file: 8 bytes of length, then JSON. Read with limits, and never a tensor.

The safetensors library is not asked: it accepts headers that two readers understand differently (duplicate
keys), names made to hurt (paths, NUL, a megabyte long), files without tensors and zero-size tensors.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.container.header_json import invalid, parse_object, split_metadata
from carlos_tasks.lora.container.magic import tell_other_kind
from carlos_tasks.lora.container.tensor_table import Table, Tensor, read_table, table_of
from carlos_tasks.lora.layout.tensor_layout import Layout
from carlos_tasks.untrusted.reasons import Reason

MAX_HEADER_BYTES = 16 * 2**20  # the largest real ones (tag frequencies of big data sets) are a few MB


@dataclass(frozen=True)
class Header:
    """A header that passed every check: its tensors fill the file exactly."""

    table: Table
    metadata: Mapping[str, str]
    header_bytes: int
    size_bytes: int

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Tensor name to what the header says of it."""
        return self.table.tensors

    @property
    def layout(self) -> Layout:
        """What the tensor names say."""
        return self.table.layout


def read_header(path: Path) -> Header:
    """Read and check the header of a local file.

    Raises:
        RejectedFile: the file is not safetensors, or its header is refused; the reason says which.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(512)
        kind = tell_other_kind(start)
        if kind is not None:
            raise RejectedFile(*kind)
        length = struct.unpack("<Q", start[:8])[0]
        if length > MAX_HEADER_BYTES:
            raise RejectedFile(Reason.HEADER_TOO_LARGE, f"header of {length} bytes, at most {MAX_HEADER_BYTES}")
        if 8 + length > size:
            raise RejectedFile(Reason.TRUNCATED, f"header ends at byte {8 + length}, the file at {size}")
        file.seek(8)
        metadata, table = _read_parts(file.read(length))
    _check_end(table, data_bytes=size - 8 - length)
    return Header(table, metadata, header_bytes=length, size_bytes=size)


def _read_parts(raw: bytes) -> tuple[dict[str, str], Table]:
    if parts := split_metadata(raw):
        return _checked(parse_object(parts[0])), read_table(parts[1])
    fields = parse_object(raw)
    return _checked(fields.pop("__metadata__", {})), table_of(fields)


def _checked(metadata: object) -> dict[str, str]:
    if metadata is None:  # as some tools write it where there are none, and the safetensors library reads it so
        return {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        invalid("__metadata__ is not an object of strings")
    return metadata


def _check_end(table: Table, data_bytes: int) -> None:
    if table.data_bytes > data_bytes:
        detail = f"the tensors take {table.data_bytes} bytes, the file holds {data_bytes} of them"
        raise RejectedFile(Reason.TRUNCATED, detail)
    if table.data_bytes < data_bytes:
        behind = data_bytes - table.data_bytes
        raise RejectedFile(Reason.OFFSETS_INVALID, f"{behind} bytes behind the last tensor")
