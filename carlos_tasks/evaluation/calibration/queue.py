"""Does the moderation queue have those whose pages lie, and leave the honest ones alone? Where that is known."""

from collections.abc import Iterable

from carlos_tasks.aliases import Row
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.section import Section, left_out
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import rows

TITLE = "Who is in the moderation queue?"
_SAYS = (
    "mislabelled: the listing declares an effect, and the file has another one, or none. honest: of status ok, and not "
    "mislabelled. other: what has another status is looked at for that. share: of the group, how many wait for a "
    "decision, whatever the reason (mart.moderation_queue); with a lake in which nothing was decided."
)
_QUEUED = "select lora_id from mart.moderation_queue"


def queue(study: Study) -> list[Section]:
    """One row per group; left out where nobody says which listings lie."""
    if study.truth is None or not study.truth.mislabelled:
        return [left_out("queue", TITLE, "nothing is known of listings that lie")]
    with lake_errors():
        queued = {row["lora_id"] for row in rows(study.con, _QUEUED)}
    names = {lora["lora_id"]: lora["name"] or "(no name)" for lora in study.corpus.loras}
    groups: dict[str, list[str]] = {"mislabelled": [], "honest": [], "other": []}
    for lora in study.corpus.loras:
        is_honest = lora["status"] == "ok"
        group = "mislabelled" if lora["lora_id"] in study.truth.mislabelled else "honest" if is_honest else "other"
        groups[group].append(lora["lora_id"])
    found = [_row(group, lora_ids, queued, names) for group, lora_ids in groups.items()]
    return [Section("queue", TITLE, _SAYS, found)]


def _row(group: str, lora_ids: list[str], queued: set[str], names: dict[str, str]) -> Row:
    waiting = [lora_id for lora_id in lora_ids if lora_id in queued]
    return {
        "group": group,
        "n_loras": len(lora_ids),
        "n_queued": len(waiting),
        "share": len(waiting) / len(lora_ids) if lora_ids else None,
        "names": _named(waiting, names),
    }


def _named(lora_ids: Iterable[str], names: dict[str, str]) -> str:
    return ", ".join(names[lora_id] for lora_id in lora_ids)
