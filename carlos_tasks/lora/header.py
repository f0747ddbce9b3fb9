"""The header of a safetensors file: 8 bytes of length, then JSON. Read with limits, and never a tensor.

The safetensors library is not asked: it accepts headers that two readers understand differently (duplicate
keys), names made to hurt (paths, NUL, a megabyte long), files without tensors and zero-size tensors.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.layout import Layout, read_layout
from carlos_tasks.lora.magic import tell_other_kind
from carlos_tasks.lora.reasons import Reason

MAX_HEADER_BYTES = 16 * 2**20  # the largest real ones (tag frequencies of big data sets) are a few MB
MAX_TENSORS = 100_000
MAX_NAME_CHARS = 512
MAX_DIMENSIONS = 8
_MAX_MARKS = 1_000_000  # brackets and quotes: 16 MB of "[" would be millions of lists in memory

DTYPE_BYTES: Mapping[str, int] = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 8),
}


@dataclass(frozen=True)
class Tensor:
    """One tensor as the header states it; start and end are byte offsets behind the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """A header that passed every check: its tensors fill the file exactly."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]
    header_bytes: int
    size_bytes: int

    @cached_property
    def layout(self) -> Layout:
        """What the tensor names say; read once, for every question that is asked of it."""
        return read_layout({name: tensor.shape for name, tensor in self.tensors.items()})


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
        fields = _parse(file.read(length))
    metadata = _read_metadata(fields.pop("__metadata__", {}))
    tensors = {name: _read_tensor(name, entry) for name, entry in fields.items()}
    if not tensors:
        raise RejectedFile(Reason.NO_TENSORS, "the header names no tensor")
    _check_offsets(tensors, data_bytes=size - 8 - length)
    return Header(tensors, metadata, header_bytes=length, size_bytes=size)


def _parse(raw: bytes) -> dict[str, Any]:
    if sum(raw.count(mark) for mark in (b"[", b"{", b'"')) > _MAX_MARKS:
        _invalid("more brackets and quotes than a LoRA has tensors")
    try:
        fields = json.loads(
            raw.decode(), object_pairs_hook=_refuse_duplicates, parse_float=_refuse, parse_constant=_refuse
        )
    except UnicodeDecodeError:
        _invalid("not UTF-8")
    except RecursionError:
        _invalid("nested too deeply")
    except ValueError as exc:
        _invalid(f"not JSON ({type(exc).__name__})")
    if not isinstance(fields, dict):
        _invalid("not an object")
    if len(fields) > MAX_TENSORS:
        _invalid(f"more than {MAX_TENSORS} tensors")
    return fields


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RejectedFile(Reason.DUPLICATE_KEY, "the header names one key twice")
    return fields


def _refuse(number: str) -> NoReturn:
    _invalid(f"the number {number[:20]} is no integer")


def _read_metadata(entry: object) -> dict[str, str]:
    if not isinstance(entry, dict) or not all(isinstance(value, str) for value in entry.values()):
        _invalid("__metadata__ is not an object of strings")
    return entry


def _read_tensor(name: str, entry: object) -> Tensor:
    if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
        _invalid("a tensor name is empty, too long, or has control characters")
    if ".." in name or "\\" in name or name.startswith("/"):
        _invalid("a tensor name looks like a path")
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        _invalid("a tensor has other fields than dtype, shape, data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        _invalid("a tensor has an unknown dtype")
    if not _are_counts(shape) or len(shape) > MAX_DIMENSIONS:
        _invalid(f"a shape is not a list of at most {MAX_DIMENSIONS} sizes")
    if 0 in shape:
        _invalid("a tensor has no elements")
    if not _are_counts(offsets) or len(offsets) != 2:
        _invalid("data_offsets are not two byte positions")
    tensor = Tensor(dtype, tuple(shape), *offsets)
    if tensor.end - tensor.start != math.prod(shape) * DTYPE_BYTES[dtype]:
        _invalid("a tensor's bytes are not its shape times its dtype")
    return tensor


def _are_counts(values: object) -> bool:
    """Tell whether this is a list of integers from 0 to 2^63 (a bool is none)."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _check_offsets(tensors: Mapping[str, Tensor], data_bytes: int) -> None:
    position = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor.start):
        if tensor.start != position:
            fault = "overlap" if tensor.start < position else "leave a hole"
            raise RejectedFile(Reason.OFFSETS_INVALID, f"tensors {fault} at byte {tensor.start} of the data")
        position = tensor.end
    if position > data_bytes:
        raise RejectedFile(Reason.TRUNCATED, f"the tensors take {position} bytes, the file holds {data_bytes} of them")
    if position < data_bytes:
        raise RejectedFile(Reason.OFFSETS_INVALID, f"{data_bytes - position} bytes behind the last tensor")


def _invalid(fault: str) -> NoReturn:
    raise RejectedFile(Reason.HEADER_INVALID, fault)
