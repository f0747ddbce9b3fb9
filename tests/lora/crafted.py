"""Safetensors files made by hand: sound ones of any key layout, and hostile ones that no library would write."""

import json
import math
import struct
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from carlos_tasks.errors import RejectedFile
from carlos_tasks.lora.check import LoraFile, examine_file

Shapes = Mapping[str, Sequence[int]]


def header_fields(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the header of F16 tensors of these shapes, one behind the other."""
    fields: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    position = 0
    for name, shape in shapes.items():
        end = position + 2 * math.prod(shape)
        fields[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [position, end]}
        position = end
    return fields


def with_header(header: bytes | dict[str, Any], data: bytes = b"") -> bytes:
    """Return a file with this header, sound or not, and these bytes behind it."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def write_file(path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None) -> Path:
    """Write a sound file of zeros; the tensors are a hole in the file, so that wide shapes cost no disk."""
    start = with_header(header_fields(shapes, metadata))
    path.write_bytes(start)
    with path.open("r+b") as file:
        file.truncate(len(start) + sum(2 * math.prod(shape) for shape in shapes.values()))
    return path


def kohya_pair(module: str, in_width: int, out_width: int, rank: int = 4) -> dict[str, list[int]]:
    """Return the three tensors of one module in kohya's layout."""
    return {
        f"{module}.lora_down.weight": [rank, in_width],
        f"{module}.lora_up.weight": [out_width, rank],
        f"{module}.alpha": [],
    }


def diffusers_pair(module: str, in_width: int, out_width: int, rank: int = 4) -> dict[str, list[int]]:
    """Return the two tensors of one module in diffusers' (PEFT's) layout."""
    return {f"{module}.lora_A.weight": [rank, in_width], f"{module}.lora_B.weight": [out_width, rank]}


MICRO_ATTENTION = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
SD15_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


def micro_lora(rank: int = 4) -> dict[str, list[int]]:
    """Return the shapes of the smallest LoRA that the micro world's index takes in."""
    return diffusers_pair(MICRO_ATTENTION, 128, 64, rank)


def check_file(
    path: Path,
    *,
    sha256_claimed: str | None = None,
    size_claimed: int | None = None,
    accepted_base_models: Collection[str] | None = None,
) -> LoraFile:
    """Check one file, as `examine_file` does.

    Raises:
        RejectedFile: with the reason code and one sentence.
    """
    verdict = examine_file(
        path,
        sha256_claimed=sha256_claimed,
        size_claimed=size_claimed,
        accepted_base_models=accepted_base_models,
    )
    if verdict.reason is not None:
        raise RejectedFile(verdict.reason, verdict.detail)
    return verdict.file
