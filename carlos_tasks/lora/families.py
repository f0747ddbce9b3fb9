"""Which trainer's key layout a file has (its family), and whether its tensors are whole.

Which families are attached, and how, stands in `loading`; whether the modules are those of the backbone is told by
`architecture`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import islice

from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.layout.styles import Style
from carlos_tasks.lora.layout.tensor_layout import Layout, place_tensor
from carlos_tasks.untrusted.reasons import Reason


class Family(StrEnum):
    """The key layouts that are told apart."""

    __hash__ = str.__hash__  # as for Style

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


NEVER_LOADED: Mapping[Family, str] = {
    Family.CLONEOFSIMO: "its layers are numbered, and nothing says which layer a number means",
    Family.TEXTUAL_INVERSION: "an embedding changes no weight",
    Family.CHECKPOINT: "a whole model, not a change of one",
    Family.UNKNOWN: "keys of no known trainer",
}

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
_BY_PREFIX = (
    (Family.KOHYA, ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_", "lora_te3_", "lora_transformer_", "lycoris_")),
    (Family.DIFFUSERS, ("unet.", "text_encoder.", "text_encoder_2.", "text_encoder_3.", "transformer.")),
    (Family.AI_TOOLKIT, ("diffusion_model.", "text_encoders.")),
    (Family.PEFT, ("",)),
)
_FLOATS = frozenset({"F16", "BF16", "F32", "F64", "F8_E4M3", "F8_E5M2"})
_PLAIN_WEIGHT = frozenset({Style.WEIGHT, Style.IA3})
_PLAIN = (Style.PEFT_NAMES, Style.OLD_DIFFUSERS, Style.KOHYA)


@dataclass(frozen=True)
class FamilyFinding:
    """What the keys say: family, modules with weights, the rank that most modules have, and what is wrong with them."""

    family: Family
    n_modules: int
    rank: int | None
    fault: tuple[Reason, str] | None


def tell_family(header: Header) -> FamilyFinding:
    """Tell a file's family from the names and shapes of its tensors."""
    layout = header.layout
    family = _family_of(layout)
    ranks = Counter(module.change.rank for module in layout.modules.values())
    rank = max(filter(None, ranks), key=lambda rank: (ranks[rank], rank), default=None)
    fault = _fault_of(layout, family) or _fault_of_dtypes(header)
    return FamilyFinding(family, len(layout.modules), rank, fault)


def _family_of(layout: Layout) -> Family:
    for style, family in _BY_STYLE.items():
        if style in layout.styles:
            return family
    if any(style in layout.styles for style in _PLAIN):
        return _family_of_pairs(layout)
    if Style.BIAS in layout.styles:
        return Family.FULL
    if Style.EMBEDDING in layout.styles:
        return Family.TEXTUAL_INVERSION
    return Family.CHECKPOINT if Style.WEIGHT in layout.styles else Family.UNKNOWN


def _family_of_pairs(layout: Layout) -> Family:
    """Tell a plain LoRA's family by the prefix that most of its modules have."""
    return Counter(map(_family_of_name, layout.modules)).most_common(1)[0][0]


@lru_cache(maxsize=2**15)  # all files of a trainer share their names
def _family_of_name(name: str) -> Family:
    return next(family for family, prefixes in _BY_PREFIX if name.startswith(prefixes))


def _fault_of(layout: Layout, family: Family) -> tuple[Reason, str] | None:
    if why := NEVER_LOADED.get(family):
        example = next(iter(layout.strangers or layout.modules or layout.widths))
        keys = f"; keys such as {_quote(example)}" if family is Family.UNKNOWN else ""
        return Reason.FAMILY_NOT_SUPPORTED, f"family {family}: {why}{keys}"
    strangers = (*layout.strangers, *layout.widths)
    if Style.WEIGHT in layout.styles:
        plain = (name for name, module in layout.modules.items() if module.styles & _PLAIN_WEIGHT == {Style.WEIGHT})
        strangers = (*strangers, *islice(plain, 1))
    if strangers:
        words = f"family {family} with tensors that belong to no change of a module, such as {_quote(strangers[0])}"
        return Reason.FAMILY_NOT_SUPPORTED, words
    for module in set(layout.modules.values()):
        if module.change.fault:
            break
    else:
        return None
    name, fault = next((name, one.change.fault) for name, one in layout.modules.items() if one.change.fault)
    return fault[0], f"{_quote(name)} {fault[1]}"


def _fault_of_dtypes(header: Header) -> tuple[Reason, str] | None:
    """Weights are floating-point numbers of a kind that torch computes with; alpha and a flag may be whole numbers."""
    if {tensor.dtype for tensor in header.tensors.values()} <= _FLOATS:
        return None
    for name, tensor in header.tensors.items():
        if tensor.dtype not in _FLOATS and place_tensor(name).part not in ("alpha", "on_input"):
            return Reason.FAMILY_NOT_SUPPORTED, f"{_quote(name)} holds weights of dtype {tensor.dtype}"
    return None


def _quote(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:79] + "…")
