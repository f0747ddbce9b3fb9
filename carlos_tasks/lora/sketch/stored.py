"""The tensors of a checked file as numpy reads them: float16, float32 and float64 as they are, the rest widened."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.layout.tensor_layout import place_tensor

_PLAIN: Mapping[str, type[np.generic]] = {"F16": np.float16, "F32": np.float32, "F64": np.float64}
_CODES = np.arange(256)
_MANTISSAS = np.where(_CODES >> 3 & 15, 8, 0) + (_CODES & 7)
# One sign bit, four of exponent, three of mantissa, which float8_e4m3fn reads without infinities.
_E4M3 = (np.ldexp(_MANTISSAS / 8.0, np.maximum(_CODES >> 3 & 15, 1) - 7) * np.where(_CODES < 128, 1, -1)).astype(
    np.float32
)


class StoredTensors:
    """The tensors of one file by module and part; nothing is read before it is asked for."""

    def __init__(self, header: Header, path: Path) -> None:
        self._header, self._path = header, path
        places = ((name, place_tensor(name)) for name in header.tensors)
        self._names = {(place.module, place.part): name for name, place in places}

    def read(self, module: str, part: str) -> NDArray[np.floating]:
        """Read one tensor."""
        tensor = self._header.tensors[self._names[module, part]]
        start = 8 + self._header.header_bytes + tensor.start
        raw = np.fromfile(self._path, np.uint8, count=tensor.end - tensor.start, offset=start)
        return _values(raw, tensor.dtype).reshape(tensor.shape)


def _values(raw: NDArray[np.uint8], dtype: str) -> NDArray[np.floating]:
    if dtype == "BF16":  # the upper half of a float32
        return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    if dtype == "F8_E5M2":  # the upper half of a float16
        return (raw.astype(np.uint16) << 8).view(np.float16)
    if dtype == "F8_E4M3":
        return _E4M3[raw]
    values: NDArray[np.floating] = raw.view(_PLAIN[dtype])
    return values
