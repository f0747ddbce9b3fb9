"""The alphas that stand in a file as tensors: scalars, read by their offset from a file whose header has passed."""

import math
import os
import struct
from itertools import islice
from pathlib import Path

from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.container.tensor_table import Tensor

_SCALAR_FORMATS = {"F16": "<e", "F32": "<f", "F64": "<d", "I64": "<q", "I32": "<i"}


def factor_of(alpha: float | None, rank: int) -> float:
    """Return by what a low-rank product is multiplied; an alpha of 0 means the rank."""
    return (alpha or rank) / rank


def read_alphas(header: Header, path: Path, at_most: int | None = None) -> dict[str, float]:
    """Read the alpha of every module that has one, by the module's name in the file.

    An alpha that is no number of one element is left out: a file with such a tensor is refused by other checks.

    Args:
        at_most: read so many or a few more, spread over the file.
    """
    alphas = {}
    start = 8 + header.header_bytes
    modules = header.layout.modules
    step = 1 if at_most is None else max(1, len(modules) // at_most)
    with path.open("rb", buffering=0) as file:
        for name, module in islice(modules.items(), 0, None, step):
            if "alpha" not in module.shapes or math.prod(module.shapes["alpha"]) != 1:
                continue
            tensor = header.tensors[f"{name}.alpha"]
            value = _number(tensor, os.pread(file.fileno(), tensor.end - tensor.start, start + tensor.start))
            if value is not None and math.isfinite(value):
                alphas[name] = value
    return alphas


def _number(tensor: Tensor, raw: bytes) -> float | None:
    if tensor.dtype == "BF16":  # the upper half of a float32
        return float(struct.unpack("<f", b"\0\0" + raw)[0])
    form = _SCALAR_FORMATS.get(tensor.dtype)
    return float(struct.unpack(form, raw)[0]) if form else None
