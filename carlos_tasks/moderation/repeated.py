"""Whether a decision would do again what one in force does: two statements of reasons would come of one action."""

from collections.abc import Iterable

from carlos_tasks.aliases import Row
from carlos_tasks.errors import CarlosError
from carlos_tasks.moderation.vocabulary import ACTING

# What has to be the same, beside the action, for a decision to be a repetition. A LoRA can be removed only once.
_SAME: dict[str, tuple[str, ...]] = {
    "takedown": (),
    "restrict": ("ground",),
    "label": ("ground", "ground_reference", "category", "policy", "concept_id"),
}
_DONE = {"takedown": "removed", "restrict": "restricted", "label": "labelled"}


def refuse_repeated(decided: Row, steps: Iterable[Row]) -> None:
    """Refuse a decision whose action is in force already.

    Args:
        decided: columns of core.decision: lora_id, action, ground, ground_reference, category, policy, concept_id.
        steps: rows of mart.decision about the LoRA.

    Raises:
        CarlosError: one does it already; the message names it.
    """
    action = decided["action"]
    if action not in ACTING:
        return
    for step in steps:
        is_same = all(step[name] == decided[name] for name in _SAME[action])
        if step["action"] == action and step["is_in_force"] and is_same:
            ground = " on this ground" if _SAME[action] else ""
            raise CarlosError(
                f"LoRA {decided['lora_id'][:12]} is {_DONE[action]}{ground} already, by {action} {step['decision_id']} "
                f"of {step['decided_at']:%Y-%m-%d}: add to it with comment, or appeal against it and decide anew"
            )
