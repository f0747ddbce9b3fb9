"""What can be wrong with the objects that a measurement leaves: the one list of codes, and a finding with its reason.

What is found is a row of `core.damage`. It costs its LoRA alone: the LoRA is left out of search, its objects are moved
aside, and the next night makes them again.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """A fault code; `meaning` says it in one line."""

    meaning: str

    def __new__(cls, code: str, meaning: str = "") -> "Fault":
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OUTCOME_MISSING = "outcome_missing", "The LoRA is measured, and its outcome is not in the store."
    OUTCOME_UNREADABLE = (
        "outcome_unreadable",
        "The outcome is no JSON of an outcome, is too large, or has a value that none can have.",
    )
    OUTCOME_MISPLACED = "outcome_misplaced", "The outcome is that of another LoRA or profile."
    OUTCOME_DIFFERS = "outcome_differs", "The outcome does not name the shards that the lake has."
    SHARD_MISSING = "shard_missing", "A shard is not in the store."
    SHARD_DAMAGED = (
        "shard_damaged",
        "A shard's bytes are not those that were written: cut off, empty, changed, or not a shard.",
    )
    SHARD_MISPLACED = (
        "shard_misplaced",
        "A shard is that of another LoRA, profile or number, as its own footer says.",
    )
    SHARDS_INCOMPLETE = (
        "shards_incomplete",
        "The shards do not hold the pairs of the profile, each once.",
    )
    REPRESENTATION_DIFFERS = (
        "representation_differs",
        "The representation is not what the SQL computes from the shards.",
    )
    DIFFERENCES_DIFFER = (
        "differences_differ",
        "The differences by prompt are not what the SQL computes from the shards.",
    )
    LAKE_FILE_MISSING = "lake_file_missing", "A file that the lake wrote is not in the store."
    LAKE_FILE_DAMAGED = "lake_file_damaged", "A file that the lake wrote does not have the bytes of its seal."
    SEAL_BROKEN = "seal_broken", "A seal is missing, was changed, or does not follow from the one before it."


@dataclass(frozen=True)
class Damage:
    """One finding: whose object it is, its key, what is wrong with it, and one sentence for a person."""

    profile_id: str
    lora_id: str
    key: str
    fault: Fault
    detail: str
