"""Backbones that are told apart and not attached to: the names and sizes of their layers, from `others.json`.

The file has sets of layers by block, "#" for a number, with their sizes (rows, then inputs) as multiples of the
backbone's width d: `"attn.qkv": "3d d"`; empty where the size says nothing. A backbone has a set, a width, and the
number of its blocks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from carlos_tasks.lora.backbones.module_names import flat

FILE = Path(__file__).with_name("others.json")
_OUTSIDE = "outside"  # layers that stand in no block
_MANY = 10**6
Size = tuple[int, int]


@dataclass(frozen=True)
class OtherLayer:
    """A layer of a backbone: how many blocks have it, and its sizes (rows, inputs); none: any size."""

    backbone: int
    depth: int
    sizes: frozenset[Size]

    @property
    def n_modules(self) -> int:
        """How many modules have this name: those that differ in a number behind the block's also differ in size."""
        return self.depth * max(1, len(self.sizes))


@dataclass(frozen=True)
class OtherBackbone:
    """A backbone's name in `claims`, and what people call it."""

    name: str
    title: str


@cache
def load_others() -> tuple[tuple[OtherBackbone, ...], Mapping[str, tuple[OtherLayer, ...]]]:
    """Return the backbones, and the layers of all of them by the pattern of their name (`file_names.FileName`)."""
    fields = json.loads(FILE.read_text(encoding="utf-8"))
    backbones, layers = [], dict[str, list[OtherLayer]]()
    for number, row in enumerate(fields["backbones"]):
        backbones.append(OtherBackbone(row["name"], row["title"]))
        depths = row["blocks"]
        for block, names in fields["layers"][row["layers"]].items():
            place = flat(block).removesuffix("_#")
            depth = depths.get(place, _MANY)
            for name, words in names.items():
                pattern = flat(name if block == _OUTSIDE else f"{block}.{name}")
                sizes = frozenset(_size(size, row["width"]) for size in words.split(" | ") if size)
                layers.setdefault(pattern, []).append(OtherLayer(number, depth, sizes))
    return tuple(backbones), {pattern: tuple(found) for pattern, found in layers.items()}


def _size(words: str, width: int) -> Size:
    rows, inputs = (_number(word, width) for word in words.split())
    return rows, inputs


def _number(word: str, width: int) -> int:
    return int(word) if word.isdigit() else width * int(word.removesuffix("d") or 1)
