"""How fast are headers inspected? 10,000 LoRAs of about 150 MB, as `carlos validate --headers-only` reads them.

The files are sparse: a real header, and a hole where the weights would be. Their layouts are those that Civitai's
SDXL LoRAs come in, kohya's most of all, each in four ranks; metadata is as long as kohya's trainer writes it. A
layout that was read is not read again for the next file that has it, so a tenth as many files, each with a layout of
its own, are measured beside them. Usage: benchmarks/headers.py [--json] [NUMBER]
"""

import json
import math
import os
import re
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from carlos_tasks.console import print_json, print_table
from carlos_tasks.intake.validate import validate

NUMBER = 10_000
RANKS = (8, 16, 32, 64)
SEED = "0123456789"  # every file has another one in its place, so that no two are the same
# (block as diffusers names it, as kohya names it, its width, its transformer blocks)
ATTENTIONS = (
    *((f"down_blocks.1.attentions.{i}", f"input_blocks_{4 + i}_1", 640, 2) for i in range(2)),
    *((f"down_blocks.2.attentions.{i}", f"input_blocks_{7 + i}_1", 1280, 10) for i in range(2)),
    ("mid_block.attentions.0", "middle_block_1", 1280, 10),
    *((f"up_blocks.0.attentions.{i}", f"output_blocks_{i}_1", 1280, 10) for i in range(3)),
    *((f"up_blocks.1.attentions.{i}", f"output_blocks_{3 + i}_1", 640, 2) for i in range(3)),
)
Shapes = dict[str, list[int]]
Widths = Iterator[tuple[str, int, int]]


def unet_modules(is_kohya: bool) -> Widths:
    """Every linear layer of SDXL's attention blocks: name, width in, width out."""
    for diffusers_name, kohya_name, width, depth in ATTENTIONS:
        start = kohya_name if is_kohya else diffusers_name
        inside: list[tuple[str, int, int]] = [("proj_in", width, width), ("proj_out", width, width)]
        for block in range(depth):
            for attention, text_width in (("attn1", width), ("attn2", 2048)):
                inside += [
                    (f"transformer_blocks.{block}.{attention}.{part}", text_width, width) for part in ("to_k", "to_v")
                ]
                inside += [
                    (f"transformer_blocks.{block}.{attention}.{part}", width, width) for part in ("to_q", "to_out.0")
                ]
            inside.append((f"transformer_blocks.{block}.ff.net.0.proj", width, 8 * width))
            inside.append((f"transformer_blocks.{block}.ff.net.2", 4 * width, width))
        for name, width_in, width_out in inside:
            whole = f"{start}.{name}"
            yield (f"lora_unet_{whole.replace('.', '_')}" if is_kohya else f"unet.{whole}"), width_in, width_out


def text_modules() -> Widths:
    """Both text encoders of SDXL in kohya's names."""
    for encoder, layers, width in (("te1", 12, 768), ("te2", 32, 1280)):
        for layer in range(layers):
            start = f"lora_{encoder}_text_model_encoder_layers_{layer}"
            yield from ((f"{start}_self_attn_{part}_proj", width, width) for part in ("q", "k", "v", "out"))
            yield f"{start}_mlp_fc1", width, 4 * width
            yield f"{start}_mlp_fc2", 4 * width, width


def pairs(modules: Widths, rank: int, down: str, up: str, has_alpha: bool, has_scale: bool = False) -> Shapes:
    """A plain LoRA of these modules; `has_scale`: with DoRA's magnitudes."""
    shapes: Shapes = {}
    for name, width_in, width_out in modules:
        if has_alpha:
            shapes[f"{name}.alpha"] = []
        if has_scale:
            shapes[f"{name}.dora_scale"] = [width_out, 1]
        shapes |= {f"{name}.{down}.weight": [rank, width_in], f"{name}.{up}.weight": [width_out, rank]}
    return shapes


def loha(modules: Widths, rank: int) -> Shapes:
    """A LyCORIS LoHa: two pairs a module."""
    shapes: Shapes = {}
    for name, width_in, width_out in modules:
        shapes[f"{name}.alpha"] = []
        for half in (1, 2):
            shapes[f"{name}.hada_w{half}_a"] = [width_out, rank]
            shapes[f"{name}.hada_w{half}_b"] = [rank, width_in]
    return shapes


def layouts(rank: int) -> list[Shapes]:
    """Ten files as they come: six of kohya's (one with text encoders), two of diffusers', a DoRA, a LoHa."""
    kohya = ("lora_down", "lora_up", True)
    unet = pairs(unet_modules(is_kohya=True), rank, *kohya)
    return [
        *[unet] * 5,
        unet | pairs(text_modules(), rank, *kohya),
        *[pairs(unet_modules(is_kohya=False), rank, "lora_A", "lora_B", False)] * 2,
        pairs(unet_modules(is_kohya=True), rank, *kohya, has_scale=True),
        loha(unet_modules(is_kohya=True), rank // 2),
    ]


def metadata() -> dict[str, str]:
    """What kohya's trainer writes, with the tags of a data set of 400 captions."""
    tags = {f"tag number {n}, as booru sites have them": 400 - n for n in range(380)}
    return {
        "ss_seed": SEED,
        "ss_base_model_version": "sdxl_base_v1-0",
        "ss_network_module": "networks.lora",
        "ss_tag_frequency": json.dumps({"10_style": tags}),
        "ss_bucket_info": json.dumps({"buckets": {n: {"resolution": [1024, 64 * n], "count": n} for n in range(40)}}),
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        **{f"ss_setting_{n}": "a value of the usual length" for n in range(50)},
    }


def start_of(shapes: Mapping[str, list[int]]) -> tuple[bytes, int]:
    """Header of a file of F16 tensors of these shapes, and the length of the whole file."""
    fields: dict[str, Any] = {"__metadata__": metadata()}
    position = 0
    for name, shape in shapes.items():
        end = position + 2 * math.prod(shape)
        fields[name] = {"dtype": "F16", "shape": shape, "data_offsets": [position, end]}
        position = end
    raw = json.dumps(fields, separators=(",", ":")).encode()
    return struct.pack("<Q", len(raw)) + raw, 8 + len(raw) + position


def write_files(folder: Path, number: int, are_unique: bool) -> int:
    """Write sparse files of every layout and rank, in turn; return the mean number of their tensors."""
    kinds = [shapes for rank in RANKS for shapes in layouts(rank)]
    starts = [start_of(shapes) for shapes in kinds]
    for n in range(number):
        kind = n * 7 % len(kinds)  # neighbours have different layouts and ranks
        start, size = start_of(without_one(kinds[kind], n)) if are_unique else starts[kind]
        with (folder / f"{n:05d}.safetensors").open("wb") as file:
            file.write(start.replace(SEED.encode(), f"{n:010d}".encode(), 1))
            file.truncate(size)
    return sum(map(len, kinds)) // len(kinds)


def without_one(shapes: Shapes, n: int) -> Shapes:
    """A layout without its n-th module: one that no other file has."""
    names = list(shapes)
    module = re.split(r"\.(?:lora_|hada_|alpha|dora_scale)", names[n * 5 % len(names)])[0]
    return {name: shape for name, shape in shapes.items() if not name.startswith(f"{module}.")}


def measure(number: int, are_unique: bool) -> dict[str, Any]:
    """Write the files, inspect them once, and tell how long that took."""
    with tempfile.TemporaryDirectory(prefix="carlos-headers-") as room:
        folder = Path(room)
        mean_tensors = write_files(folder, number, are_unique)
        sizes = [path.stat().st_size for path in folder.iterdir()]
        os.sync()  # the files of a user are not still being written
        began = time.perf_counter()
        rows = validate([folder], headers_only=True, with_metadata=False)
        told = Counter((row["family"], row["reason"]) for row in rows)
        seconds = time.perf_counter() - began
    assert told.total() == number
    assert set(told) == {(family, None) for family in ("kohya", "diffusers", "dora", "loha")}
    return {
        "layouts": "one a file" if are_unique else "20",
        "files": number,
        "mean_mb": sum(sizes) / number / 1e6,
        "mean_tensors": mean_tensors,
        "seconds": seconds,
        "files_per_second": number / seconds,
    }


def main() -> int:
    """Print the figures; with --json, one JSON array."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    number = numbers[0] if numbers else NUMBER
    rows = [measure(number, are_unique=False), measure(max(1, number // 10), are_unique=True)]
    if "--json" in sys.argv:
        print_json(rows)
    else:
        print_table(rows, list(rows[0]), title="Headers inspected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
