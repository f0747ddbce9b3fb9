"""Which trainer's key layout a file has (its family), and whether the index can load it as it should act.

Supported are plain LoRA pairs under kohya's or diffusers' names. PEFT's own names (`base_model.model.…`, or
none) are let through: diffusers loads them without an error and patches nothing, which the index finds out
and records as "unpatched". Every other family raises in diffusers 0.42, or loses a part without a word
(DoRA's scale), and is refused.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from carlos_tasks.lora.header import Header
from carlos_tasks.lora.layout import Layout, Module, Style
from carlos_tasks.lora.reasons import Reason


class Family(StrEnum):
    """The key layouts that are told apart."""

    KOHYA = "kohya"
    DIFFUSERS = "diffusers"
    PEFT = "peft"
    AI_TOOLKIT = "ai-toolkit"  # PEFT's halves under `diffusion_model.`, the original implementation's module names
    XLABS = "xlabs"
    ATTENTION_PROCESSOR = "attention-processor"  # diffusers before 0.17
    CLONEOFSIMO = "cloneofsimo"
    LOHA = "loha"
    LOKR = "lokr"
    IA3 = "ia3"
    OFT = "oft"
    GLORA = "glora"
    TUCKER = "tucker"  # LoCon with a third, middle tensor
    FULL = "full"
    DORA = "dora"
    TEXTUAL_INVERSION = "textual-inversion"
    CHECKPOINT = "checkpoint"
    UNKNOWN = "unknown"


SUPPORTED = frozenset({Family.KOHYA, Family.DIFFUSERS, Family.PEFT})

# The first style that a file has names its family: a LoKr file with a DoRA scale is a LoKr file.
_BY_STYLE = {
    Style.LOKR: Family.LOKR,
    Style.LOHA: Family.LOHA,
    Style.GLORA: Family.GLORA,
    Style.OFT: Family.OFT,
    Style.IA3: Family.IA3,
    Style.TUCKER: Family.TUCKER,
    Style.FULL: Family.FULL,
    Style.DORA: Family.DORA,
    Style.XLABS: Family.XLABS,
    Style.ATTENTION_PROCESSOR: Family.ATTENTION_PROCESSOR,
    Style.NUMBERED: Family.CLONEOFSIMO,
}
_KOHYA_PREFIXES = ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_", "lora_te3_", "lora_transformer_")
_DIFFUSERS_PREFIXES = ("unet.", "text_encoder.", "text_encoder_2.", "text_encoder_3.", "transformer.")
_PLAIN = (Style.PEFT_NAMES, Style.OLD_DIFFUSERS, Style.KOHYA)


@dataclass(frozen=True)
class FamilyFinding:
    """What the keys say: family, modules with weights, the rank that most modules have, and why it cannot be loaded."""

    family: Family
    n_modules: int
    rank: int | None
    fault: tuple[Reason, str] | None


def tell_family(header: Header) -> FamilyFinding:
    """Tell a file's family from the names and shapes of its tensors."""
    layout = header.layout
    family = _family_of(layout)
    pairs = {
        name: module for name, module in layout.modules.items() if "down" in module.shapes and "up" in module.shapes
    }
    ranks = Counter(module.shapes["down"][0] for module in pairs.values() if module.shapes["down"])
    rank = max(ranks, key=lambda rank: (ranks[rank], rank)) if ranks else None
    fault = _fault_of(layout, family)
    return FamilyFinding(family, len(pairs) or len(layout.modules), rank, fault)


def _family_of(layout: Layout) -> Family:
    for style, family in _BY_STYLE.items():
        if style in layout.counts:
            return family
    if any(style in layout.counts for style in _PLAIN):
        return _family_of_pairs(layout)
    if Style.EMBEDDING in layout.counts:
        return Family.TEXTUAL_INVERSION
    return Family.CHECKPOINT if Style.WEIGHT in layout.counts else Family.UNKNOWN


def _family_of_pairs(layout: Layout) -> Family:
    """Tell a plain LoRA's family by the prefixes of its modules; more than one kind of them is no known family."""
    families = {_family_of_prefix(name, module) for name, module in layout.modules.items()}
    return families.pop() if len(families) == 1 else Family.UNKNOWN


def _family_of_prefix(name: str, module: Module) -> Family:
    is_kohya_style = Style.KOHYA in module.styles
    if name.startswith(_KOHYA_PREFIXES):
        return Family.KOHYA if is_kohya_style or module.styles == {Style.ALPHA} else Family.UNKNOWN
    if is_kohya_style:
        return Family.UNKNOWN
    if name.startswith(_DIFFUSERS_PREFIXES):
        return Family.DIFFUSERS
    return Family.AI_TOOLKIT if name.startswith("diffusion_model.") else Family.PEFT


def _fault_of(layout: Layout, family: Family) -> tuple[Reason, str] | None:
    if family not in SUPPORTED:
        return Reason.FAMILY_NOT_SUPPORTED, _why_not(layout, family)
    strangers = list(layout.strangers) + [n for n, module in layout.modules.items() if Style.WEIGHT in module.styles]
    if strangers or Style.EMBEDDING in layout.counts:
        example = (strangers or list(layout.widths))[0]
        return (
            Reason.FAMILY_NOT_SUPPORTED,
            f"{family} with tensors that belong to no pair, such as {_quote(example)}",
        )
    styles: dict[str, set[Style]] = {}
    for name, module in layout.modules.items():
        styles.setdefault(name.split(".", 1)[0], set()).update(module.styles)
    for component, found in styles.items():
        if {Style.PEFT_NAMES, Style.OLD_DIFFUSERS} <= found:
            return (
                Reason.MIXED_LAYOUT,
                f"{_quote(component)} has both lora_A/lora_B and lora.down/lora.up keys",
            )
    return _fault_of_pairs(layout)


def _fault_of_pairs(layout: Layout) -> tuple[Reason, str] | None:
    for name, module in layout.modules.items():
        down, up = module.shapes.get("down"), module.shapes.get("up")
        if down is None or up is None:
            missing = " and ".join(half for half, shape in (("down", down), ("up", up)) if shape is None)
            return Reason.PAIR_INCOMPLETE, f"{_quote(name)} has no {missing} half"
        if len(down) not in (2, 4) or len(up) != len(down) or down[0] != up[1]:
            return Reason.RANK_MISMATCH, f"{_quote(name)}: down {list(down)} and up {list(up)} are no pair"
    return None


def _why_not(layout: Layout, family: Family) -> str:
    if family is not Family.UNKNOWN:
        scale = ", with a DoRA scale" if Style.DORA in layout.counts and family is not Family.DORA else ""
        return f"family {family}{scale}"
    example = next(iter(layout.strangers or layout.modules or layout.widths))
    return f"family unknown; keys such as {_quote(example)}"


def _quote(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:79] + "…")
