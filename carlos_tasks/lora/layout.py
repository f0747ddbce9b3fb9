"""What each tensor name of a LoRA file says: which module it belongs to, and which part of it the tensor is.

Every trainer has its own way to write "the down half of attention layer k": the end of the name tells the way
(the style), what stands before it is the module. Nothing is decided here; `families` and `base_model` read
the result.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Style(StrEnum):
    """How a tensor's name ends."""

    PEFT_NAMES = "lora_A/lora_B"
    OLD_DIFFUSERS = "lora.down/lora.up"
    KOHYA = "lora_down/lora_up"
    ATTENTION_PROCESSOR = "_lora.down/_lora.up"
    XLABS = "_lora1.down/_lora1.up"
    NUMBERED = "unet:0:down"
    ALPHA = "alpha"
    DORA = "dora_scale"
    TUCKER = "lora_mid"
    LOHA = "hada"
    LOKR = "lokr"
    IA3 = "on_input"
    OFT = "oft"
    GLORA = "a1/b1"
    FULL = "diff"
    EMBEDDING = "embedding"
    WEIGHT = "weight"
    OTHER = "other"


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
        if Style.IA3 in self.styles:
            return None
        for part in ("down", "hada_w1_b", "diff", "weight"):
            if len(self.shapes.get(part, ())) >= 2:
                return self.shapes[part][1]
        factors = [self.shapes.get(f"lokr_w{i}", self.shapes.get(f"lokr_w{i}_b", ())) for i in (1, 2)]
        return math.prod(shape[1] for shape in factors) if all(len(shape) >= 2 for shape in factors) else None


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
    "lora_magnitude_vector": (Style.DORA, "scale"),
    "lora_magnitude_vector.weight": (Style.DORA, "scale"),
    "on_input": (Style.IA3, "on_input"),
    "ia3_l": (Style.IA3, "on_input"),
    **{f"{half}{i}.weight": (Style.GLORA, f"{half}{i}") for half in ("a", "b", "bm") for i in (1, 2)},
    **dict.fromkeys(("diff", "diff_b", "w_norm", "b_norm"), (Style.FULL, "diff")),
    **{part: (Style.OFT, part) for part in ("oft_blocks", "oft_diag", "oft_R", "oft_R.weight", "boft_R")},
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
            module = modules.setdefault(place.module, Module())
            module.styles.add(place.style)
            module.shapes[place.part] = shape
    return Layout(modules, counts, widths, tuple(strangers))


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
