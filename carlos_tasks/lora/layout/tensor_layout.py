"""What each tensor name of a LoRA file says: which module it belongs to, and which part of it the tensor is.

Every trainer has its own way to write "the down half of attention layer k": the end of the name tells the way
(the style), what stands before it is the module. Nothing is decided here; `families` and `base_model` read
the result.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from carlos_tasks.lora.layout.parts import Change, read_change
from carlos_tasks.lora.layout.styles import Style


class Place(NamedTuple):
    """Where a tensor belongs. The parts 'down' and 'up' are the halves of a plain LoRA pair."""

    style: Style
    module: str
    part: str


@dataclass
class Module:
    """One module of the backbone, as the file names it: its styles and the shapes of its parts."""

    styles: set[Style] = field(default_factory=set)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

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
    def change(self) -> Change:
        """What the parts do to the module's weight, and what is wrong with them."""
        return read_change(frozenset(self.styles), tuple(self.shapes.items()))


_ENDS: Mapping[str, tuple[Style, str]] = {
    "lora_A.weight": (Style.PEFT_NAMES, "down"),
    "lora_B.weight": (Style.PEFT_NAMES, "up"),
    "lora_A.default.weight": (Style.PEFT_NAMES, "down"),
    "lora_B.default.weight": (Style.PEFT_NAMES, "up"),
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
    "lora_magnitude_vector.default.weight": (Style.DORA, "magnitude"),
    "on_input": (Style.IA3, "on_input"),
    "ia3_l": (Style.IA3, "on_input"),
    **{f"{part}.weight": (Style.GLORA, part) for part in ("a1", "a2", "b1", "b2", "bm")},
    **{part: (Style.FULL, part) for part in ("diff", "diff_b", "w_norm", "b_norm")},
    **{part: (Style.OFT, part) for part in ("oft_blocks", "rescale", "oft_diag", "oft_R", "oft_R.weight", "boft_R")},
}
_LYCORIS_PART = re.compile(r"(hada|lokr)_(?:w[12](?:_[ab])?|t[12])")
_ATTENTION_HALF = re.compile(r"(.+_lora)\.(down|up)\.weight")
_XLABS_HALF = re.compile(r"(.+\.processor\..+_lora\d)\.(down|up)\.weight")
_NUMBERED_HALF = re.compile(r"((?:unet|text_encoder):\d+):(down|up)")
_EMBEDDING = re.compile(r"emb_params|clip_[gl]|\*|<.+>")


@dataclass(frozen=True)
class Layout:
    """The modules of a file in its own order, and how many tensors each style has."""

    modules: Mapping[str, Module]
    counts: Mapping[Style, int]
    widths: Mapping[str, int]  # last dimension of each embedding
    strangers: tuple[str, ...]  # names that no style fits


def read_layout(shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """Place every tensor of a file.

    Args:
        shapes: tensor name to shape.
    """
    modules: dict[str, Module] = {}
    counts: dict[Style, int] = {}
    widths: dict[str, int] = {}
    strangers: list[str] = []
    for name, shape in shapes.items():
        place = place_tensor(name)
        counts[place.style] = counts.get(place.style, 0) + 1
        if place.style is Style.EMBEDDING:
            widths[name] = shape[-1] if shape else 1
        elif place.style is Style.OTHER:
            strangers.append(name)
        else:
            module = modules.get(place.module)
            if module is None:
                module = modules[place.module] = Module()
            module.styles.add(place.style)
            module.shapes[place.part] = shape
    return Layout(modules, counts, widths, tuple(strangers))


@lru_cache(maxsize=2**13)  # all files of a trainer share their names
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
    if _EMBEDDING.fullmatch(name):
        return Place(Style.EMBEDDING, name, "embedding")
    return Place(Style.WEIGHT, module, end) if module and end in {"weight", "bias"} else Place(Style.OTHER, name, "")
