"""Which files can be attached to which backbones, and in which way: the one table that checks and loading share."""

from collections.abc import Mapping
from enum import StrEnum

from carlos_tasks.lora.backbones.known import DATA_FILES, UNKNOWN
from carlos_tasks.lora.families import NEVER_LOADED, Family
from carlos_tasks.untrusted.reasons import Reason


class Way(StrEnum):
    """How a file is attached."""

    ADAPTER = "adapter"  # under the backbone's own names, beside the weights, scaled by alpha / rank
    MERGE = "merge"  # computed into the weights, which are put back afterwards


WAYS: Mapping[Family, Way] = {
    Family.KOHYA: Way.ADAPTER,
    Family.DIFFUSERS: Way.ADAPTER,
    Family.PEFT: Way.ADAPTER,
    Family.AI_TOOLKIT: Way.ADAPTER,
    Family.XLABS: Way.ADAPTER,
    Family.ATTENTION_PROCESSOR: Way.ADAPTER,
    Family.LOHA: Way.MERGE,
    Family.LOKR: Way.MERGE,
    Family.IA3: Way.MERGE,
    Family.OFT: Way.MERGE,
    Family.GLORA: Way.MERGE,
    Family.TUCKER: Way.MERGE,
    Family.FULL: Way.MERGE,
    Family.DORA: Way.MERGE,
}


def why_not_loaded(family: Family, base_model: str) -> tuple[Reason, str] | None:
    """Return the reason why no file of this family is attached to this backbone; None if it can be."""
    if why := NEVER_LOADED.get(family):
        return Reason.FAMILY_NOT_SUPPORTED, f"family {family}: {why}"
    if base_model == UNKNOWN:
        return Reason.BASE_MODEL_NOT_INDEXED, "no key or shape tells which backbone it is for"
    if base_model not in DATA_FILES:
        return (
            Reason.BASE_MODEL_NOT_INDEXED,
            f"the modules of {base_model} are not known here: nothing can be attached",
        )
    return None
