"""What each tensor name of a LoRA file says: which module it belongs to, and which part of it the tensor is.

Every trainer has its own way to write "the down half of attention layer k": the end of the name tells the way
(the style), what stands before it is the module. Nothing is decided here; `families` and `base_model` read
the result.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from carlos_tasks.lora.layout.parts import BIASES, Change, Kind, read_change
from carlos_tasks.lora.layout.styles import Style
from carlos_tasks.untrusted.reasons import Reason

Part = tuple[tuple[Style, str], tuple[int, ...]]  # how the tensor's name ends, and its shape


class Place(NamedTuple):
    """Where a tensor belongs. The parts 'down' and 'up' are the halves of a plain LoRA pair."""

    style: Style
    module: str
    part: str


class Size(NamedTuple):
    """The size of a module's change: None where the tensors do not tell; `biases` are the lengths of its biases."""

    kind: Kind
    rows: int | None
    fan_in: int | None
    vector: int | None  # IA3's, for the rows or for the inputs
    biases: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Module:
    """One module of the backbone, as a file names it: its styles and the shapes of its parts.

    Modules with the same parts and shapes are one object, in all files.
    """

    styles: frozenset[Style]
    shapes: Mapping[str, tuple[int, ...]]
    change: Change

    @property
    def in_width(self) -> int | None:
        """Width of the module's input, where the parts tell it."""
        for part in ("down", "diff", "b2", "hada_w1_b"):
            if len(self.shapes.get(part, ())) >= 2:
                return self.shapes[part][1]
        if Style.WEIGHT in self.styles and Style.IA3 not in self.styles and len(self.shapes.get("weight", ())) >= 2:
            return self.shapes["weight"][1]
        return self.change.fan_in

    @property
    def out_width(self) -> int | None:
        """Width of the module's output, where the parts tell it; IA3's vector has that of the output as a rule."""
        if Style.IA3 in self.styles:
            return math.prod(self.shapes.get("weight", ()))
        return self.change.rows

    @cached_property
    def rank_of_scale(self) -> int | None:
        """The rank that the module's alpha is divided by; None where none is: an OFT's alpha limits its rotation."""
        return None if self.change.kind in (Kind.OFT, Kind.BOFT) else self.change.rank

    @cached_property
    def size(self) -> Size:
        """All that decides whether the module fits one of a backbone."""
        change, shapes = self.change, self.shapes
        biases = tuple(math.prod(shapes[part]) for part in BIASES if part in shapes)
        vector = math.prod(shapes.get("weight", ())) if change.kind is Kind.IA3 else None
        return Size(change.kind, change.rows, change.fan_in, vector, biases)


_ENDS: Mapping[str, tuple[Style, str]] = {
    "lora_A.weight": (Style.PEFT_NAMES, "down"),
    "lora_B.weight": (Style.PEFT_NAMES, "up"),
    "lora.down.weight": (Style.OLD_DIFFUSERS, "down"),
    "lora.up.weight": (Style.OLD_DIFFUSERS, "up"),
    "lora_linear_layer.down.weight": (Style.OLD_DIFFUSERS, "down"),
    "lora_linear_layer.up.weight": (Style.OLD_DIFFUSERS, "up"),
    "lora_down.weight": (Style.KOHYA, "down"),
    "lora_up.weight": (Style.KOHYA, "up"),
    "lora_mid.weight": (Style.TUCKER, "mid"),
    "alpha": (Style.ALPHA, "alpha"),
    "dora_scale": (Style.DORA, "scale"),
    "lora_magnitude_vector": (Style.DORA, "magnitude"),
    "lora_magnitude_vector.weight": (Style.DORA, "magnitude"),
    "on_input": (Style.IA3, "on_input"),
    "ia3_l": (Style.IA3, "on_input"),
    **{f"{part}.weight": (Style.GLORA, part) for part in ("a1", "a2", "b1", "b2", "bm")},
    **{part: (Style.FULL, part) for part in ("diff", "w_norm", "b_norm")},
    "diff_b": (Style.BIAS, "diff_b"),
    "lora_B.bias": (Style.BIAS, "up_bias"),
    "lora_up.bias": (Style.BIAS, "up_bias"),
    "lora.up.bias": (Style.BIAS, "up_bias"),
    **{part: (Style.OFT, part) for part in ("oft_blocks", "rescale", "oft_diag", "oft_R", "oft_R.weight", "boft_R")},
}
# PEFT puts the adapter's own name there: `default` as a rule
_NAMED_ADAPTER = re.compile(r"(.+)\.(lora_A|lora_B|lora_magnitude_vector)\.[\w-]{1,60}(\.weight|\.bias|)")
_LYCORIS_PART = re.compile(r"(hada|lokr)_(?:w[12](?:_[ab])?|t[12])")
_ATTENTION_HALF = re.compile(r"(.+_lora)\.(down|up)\.weight")
_XLABS_HALF = re.compile(r"(.+\.processor\..+_lora\d)\.(down|up)\.weight")
_NUMBERED_HALF = re.compile(r"((?:unet|text_encoder):\d+):(down|up)")
_EMBEDDING = re.compile(r"emb_params|clip_[gl]|\*|<.+>")


@dataclass(frozen=True)
class Layout:
    """The modules of a file in its own order, and the styles of its tensors."""

    modules: Mapping[str, Module]
    styles: frozenset[Style]
    widths: Mapping[str, int]  # last dimension of each embedding
    strangers: tuple[str, ...]  # names that no style fits

    @cached_property
    def scaled_ranks(self) -> Mapping[str, int]:
        """The rank that a module's alpha is divided by, of each module that has one."""
        return {name: rank for name, module in self.modules.items() if (rank := module.rank_of_scale) is not None}


def read_layout(shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """Place every tensor of a file.

    Args:
        shapes: tensor name to shape.
    """
    parts: dict[str, list[Part]] = defaultdict(list)
    widths: dict[str, int] = {}
    strangers: list[str] = []
    for name, shape, (module, end) in zip(shapes, shapes.values(), map(_place, shapes), strict=True):
        if end is not None:
            parts[module].append((end, shape))
        elif place_tensor(name).style is Style.EMBEDDING:
            widths[name] = shape[-1] if shape else 1
        else:
            strangers.append(name)
    modules = {name: _module_of(tuple(found)) for name, found in parts.items()}
    styles = frozenset().union(*(module.styles for module in set(modules.values())))
    others = {Style.EMBEDDING} if widths else set()
    return Layout(modules, styles | others, widths, tuple(strangers))


@lru_cache(maxsize=2**14)  # a file has hundreds of modules, of a handful of sizes
def _module_of(parts: tuple[Part, ...]) -> Module:
    styles = frozenset(style for (style, _), _ in parts)
    shapes = {part: shape for (_, part), shape in parts}
    if len(shapes) < len(parts):
        twice = Reason.FAMILY_NOT_SUPPORTED, "has two tensors for one part: the file holds more than one LoRA"
        return Module(styles, shapes, Change(Kind.PAIR, fault=twice))
    return Module(styles, shapes, read_change(styles, tuple(shapes.items())))


@lru_cache(maxsize=2**15)  # all files of a trainer share their names
def _place(name: str) -> tuple[str, tuple[Style, str] | None]:
    """Return the module, and how the name ends; None where the tensor belongs to no module."""
    place = place_tensor(name)
    is_part = place.style not in (Style.EMBEDDING, Style.OTHER)
    return place.module, (place.style, place.part) if is_part else None


def place_tensor(name: str) -> Place:
    """Tell one tensor's place from its name.

    >>> place_tensor("unet.mid_block.attentions.0.proj_in.lora_A.weight") Place(style=<Style.PEFT_NAMES:
    'lora_A/lora_B'>, module='unet.mid_block.attentions.0.proj_in', part='down')
    """
    cut = len(name)
    for _ in range(3):  # no style's end has more than three dotted parts
        cut = name.rfind(".", 0, cut)
        if cut < 1:
            break
        if place := _ENDS.get(name[cut + 1 :]):
            return Place(place[0], name[:cut], place[1])
    module, _, end = name.rpartition(".")
    if lycoris := _LYCORIS_PART.fullmatch(end):
        return Place(Style.LOHA if lycoris[1] == "hada" else Style.LOKR, module, end)
    for style, pattern in (
        (Style.XLABS, _XLABS_HALF),
        (Style.ATTENTION_PROCESSOR, _ATTENTION_HALF),
        (Style.NUMBERED, _NUMBERED_HALF),
    ):
        if half := pattern.fullmatch(name):
            return Place(style, half[1], half[2])
    if ("lora_" in end or "lora_" in module) and (named := _NAMED_ADAPTER.fullmatch(name)):
        return place_tensor(f"{named[1]}.{named[2]}{named[3]}")
    if _EMBEDDING.fullmatch(name):
        return Place(Style.EMBEDDING, name, "embedding")
    return Place(Style.WEIGHT, module, end) if module and end in {"weight", "bias"} else Place(Style.OTHER, name, "")
