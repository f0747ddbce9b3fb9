"""One pass over a file whose header passed: its two hashes, and whether every weight is a number.

`lora_id` is the SHA-256 of the bytes. The tensor hash is that of names, dtypes, shapes and weights alone: a file
whose metadata somebody edited, or whose tensors were written in another order, keeps it. The file is read in
slices, a tensor is never whole in memory, and nothing is converted: an infinity or NaN shows in the exponent's bits.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.container.tensor_table import Tensor
from carlos_tasks.untrusted.reasons import Reason

SLICE_BYTES = 2**20  # a multiple of every element's size
_MAX_NAMED = 3

# dtype: an unsigned integer of its size, and the bits that are all set in infinities and NaN only
_NOT_FINITE: Mapping[str, tuple[type[np.unsignedinteger], int]] = {
    "F16": (np.uint16, 0x7C00),
    "BF16": (np.uint16, 0x7F80),
    "F32": (np.uint32, 0x7F80_0000),
    "C64": (np.uint32, 0x7F80_0000),  # two F32
    "F64": (np.uint64, 0x7FF0_0000_0000_0000),
    "F8_E5M2": (np.uint8, 0x7C),
    "F8_E4M3": (np.uint8, 0x7F),  # has no infinity
    "F8_E8M0": (np.uint8, 0xFF),
}


@dataclass(frozen=True)
class WeightsScan:
    """What the bytes say: two SHA-256 in lower-case hex, and the fault if a weight is not a number."""

    sha256: str
    tensors_sha256: str
    fault: tuple[Reason, str] | None


def scan_weights(path: Path, header: Header) -> WeightsScan:
    """Read a file once, in slices.

    Args:
        path: a local copy that nobody else writes.
        header: what `read_header` returned for it: its tensors fill the file, so every byte is hashed.

    Raises:
        RejectedFile: the file changed since.
    """
    whole = hashlib.sha256()
    digests: dict[str, str] = {}
    broken: list[str] = []
    with path.open("rb") as file:
        whole.update(file.read(8 + header.header_bytes))
        for name, tensor in sorted(header.tensors.items(), key=lambda item: item[1].start):
            digests[name], is_finite = _scan_tensor(file, tensor, whole)
            if not is_finite:
                broken.append(name)
    return WeightsScan(whole.hexdigest(), _hash_of_tensors(header, digests), _fault_of(broken))


def _scan_tensor(file: BinaryIO, tensor: Tensor, whole: "hashlib._Hash") -> tuple[str, bool]:
    own = hashlib.sha256()
    is_finite = True
    left = tensor.end - tensor.start
    while left > 0:
        data = file.read(min(left, SLICE_BYTES))
        if not data:
            raise RejectedFile(Reason.TRUNCATED, "the file became shorter while it was read")
        whole.update(data)
        own.update(data)
        is_finite = is_finite and _is_finite(data, tensor.dtype)
        left -= len(data)
    return own.hexdigest(), is_finite


def _is_finite(data: bytes, dtype: str) -> bool:
    if dtype not in _NOT_FINITE:
        return True  # integers
    kind, bits = _NOT_FINITE[dtype]
    mask = kind(bits)
    return not bool(np.any((np.frombuffer(data, kind) & mask) == mask))


def _hash_of_tensors(header: Header, digests: Mapping[str, str]) -> str:
    entries = (
        [name, header.tensors[name].dtype, header.tensors[name].shape, digest] for name, digest in digests.items()
    )
    return hashlib.sha256(json.dumps(sorted(entries), separators=(",", ":")).encode()).hexdigest()


def _fault_of(broken: list[str]) -> tuple[Reason, str] | None:
    if not broken:
        return None
    named = ", ".join(repr(name[:80]) for name in broken[:_MAX_NAMED])
    return Reason.WEIGHTS_NOT_FINITE, f"NaN or infinite weights in {len(broken)} tensors, such as {named}"
