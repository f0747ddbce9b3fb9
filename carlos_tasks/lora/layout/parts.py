"""What the tensors of one module do to its weight: the kind of change, its size, its rank, and whether it is whole.

Only names and shapes are read here. The shapes of each kind are read in `part_shapes`; `generation.changes` computes
the same kinds with the weights themselves.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from carlos_tasks.lora.layout.part_shapes import (
    Fault,
    Reading,
    Shape,
    Shapes,
    fault_of_scale,
    incomplete,
    read_full,
    read_glora,
    read_ia3,
    read_loha,
    read_lokr,
    read_oft,
    read_pair,
)
from carlos_tasks.lora.layout.styles import Style
from carlos_tasks.untrusted.reasons import Reason


class Kind(StrEnum):
    """The formulas by which the tensors of a module change its weight W."""

    __hash__ = str.__hash__  # as for Style

    PAIR = "pair"  # W + up · down · alpha / rank
    TUCKER = "tucker"  # the same, with a core between the halves
    LOHA = "loha"  # the product of two such pairs, element by element
    LOKR = "lokr"  # the Kronecker product of two factors
    IA3 = "ia3"  # rows or columns of W scaled
    OFT = "oft"  # blocks of rows of W rotated
    BOFT = "boft"  # the same, in several stages
    GLORA = "glora"  # W + W · a1 · a2 + b1 · b2
    FULL = "full"  # W + diff, for norms too; every kind may change the bias beside W


@dataclass(frozen=True)
class Change:
    """What a module's tensors do to a weight of `rows` rows with `fan_in` values each; None: the shapes do not tell."""

    kind: Kind
    rows: int | None = None
    fan_in: int | None = None
    rank: int | None = None
    has_dora: bool = False
    has_bias: bool = False
    fault: Fault | None = None  # the text goes on behind the module's name


#: Parts that change a module's bias: a difference, that of a norm, and the bias of a pair's up half.
BIASES = ("diff_b", "b_norm", "up_bias")
_PAIR_STYLES = (
    *(Style.PEFT_NAMES, Style.OLD_DIFFUSERS, Style.KOHYA),
    *(Style.ATTENTION_PROCESSOR, Style.XLABS, Style.NUMBERED),
)
_DORA_KINDS = frozenset({Kind.PAIR, Kind.TUCKER, Kind.LOHA, Kind.LOKR})


@lru_cache(maxsize=2**12)  # a file has hundreds of modules, of a handful of sizes
def read_change(styles: frozenset[Style], parts: tuple[tuple[str, Shape], ...]) -> Change:
    """Tell what the tensors of one module do.

    Args:
        styles: the styles of the module's tensors. parts: (`down`, `lokr_w1` …, shape) of each.
    """
    shapes = dict(parts)
    found = {_KIND_OF_STYLE[style] for style in styles if style in _KIND_OF_STYLE}
    if found == {Kind.PAIR, Kind.TUCKER}:
        found = {Kind.TUCKER}
    has_bias = not shapes.keys().isdisjoint(BIASES)
    if not found and "diff_b" in shapes and styles <= {Style.BIAS, Style.ALPHA}:
        found = {Kind.FULL}
    if not found:  # alpha or a DoRA scale alone, or a plain weight
        return Change(Kind.PAIR, fault=incomplete("down", "up"))
    if len(found) > 1 or (Style.WEIGHT in styles and found != {Kind.IA3}):
        return Change(min(found), fault=(Reason.FAMILY_NOT_SUPPORTED, "has tensors of more than one family"))
    kind = found.pop()
    if kind is Kind.OFT and len(shapes.get("oft_blocks", ())) == 4:
        kind = Kind.BOFT
    has_dora = Style.DORA in styles
    if has_dora and kind not in _DORA_KINDS:
        return Change(kind, fault=(Reason.FAMILY_NOT_SUPPORTED, f"has a DoRA scale on a change of kind {kind}"))
    rows, fan_in, rank, fault = _READERS[kind](shapes)
    if fault is None and has_dora and rows is not None and fan_in is not None:
        fault = fault_of_scale(shapes, rows, fan_in)
    if fault is None and "up_bias" in shapes and rows != math.prod(shapes["up_bias"]):
        fault = Reason.RANK_MISMATCH, f"has an up half with a bias {list(shapes['up_bias'])} for {rows} rows"
    return Change(kind, rows, fan_in, rank, has_dora, has_bias, fault)


_KIND_OF_STYLE: Mapping[Style, Kind] = {
    **dict.fromkeys(_PAIR_STYLES, Kind.PAIR),
    Style.TUCKER: Kind.TUCKER,
    Style.LOHA: Kind.LOHA,
    Style.LOKR: Kind.LOKR,
    Style.IA3: Kind.IA3,
    Style.OFT: Kind.OFT,
    Style.GLORA: Kind.GLORA,
    Style.FULL: Kind.FULL,
}
_READERS: Mapping[Kind, Callable[[Shapes], Reading]] = {
    Kind.PAIR: read_pair,
    Kind.TUCKER: read_pair,
    Kind.LOHA: read_loha,
    Kind.LOKR: read_lokr,
    Kind.IA3: read_ia3,
    Kind.OFT: read_oft,
    Kind.BOFT: read_oft,
    Kind.GLORA: read_glora,
    Kind.FULL: read_full,
}
