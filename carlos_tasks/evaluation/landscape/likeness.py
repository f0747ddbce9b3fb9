"""Which LoRAs do the same? Nearest neighbours, duplicates, and Directions that unrelated LoRAs share."""

from collections import Counter

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.section import Section, left_out
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import rows

_CELLS_AT_ONCE = 2**25
_NEIGHBOURS_SAYS = (
    "The nearest other LoRA of every LoRA that has a Direction, by cosine of their Directions, the most alike first."
)
_DUPLICATES_SAYS = "Pairs that hold the same weights, or do the same: mart.duplicate."
_SHARED_SAYS = (
    "Groups whose Directions agree to four digits: mart.shared_direction. degenerate: unrelated LoRAs of three or more "
    "models give one vector, which says that their pictures were broken (black, or not a number), not that they agree. "
    "Nobody told the index which ones."
)
_DUPLICATES_SHOWN = ("kind", "cosine", "both_known_to", "is_same_model", "lora_id", "name", "other_id", "other_name")
_SHARED_SHOWN = ("sign", "n_loras", "n_models", "strength", "consistency", "lora_ids", "names")
_DUPLICATES = "from mart.duplicate where profile_id = $profile_id order by cosine desc, lora_id, other_id"
_SHARED = "from mart.shared_direction where profile_id = $profile_id order by n_models desc, group_id"


def likeness(study: Study) -> list[Section]:
    """Neighbours, duplicates and shared Directions."""
    neighbours = nearest(study)
    sections = [
        Section(
            "neighbours", "Nearest neighbours", _NEIGHBOURS_SAYS + _agreement(neighbours, study), neighbours, n_shown=15
        )
        if neighbours
        else left_out("neighbours", "Nearest neighbours", "there is only one LoRA with a Direction")
    ]
    for name, title, says, shown, found in (
        ("duplicate", "Duplicates", _DUPLICATES_SAYS, _DUPLICATES_SHOWN, _of_profile(study, _DUPLICATES)),
        ("shared_direction", "Shared Directions", _SHARED_SAYS, _SHARED_SHOWN, shared_directions(study)),
    ):
        if found:
            sections.append(Section(name, title, says, found, shown))
        else:
            sections.append(left_out(name, title, "there are none"))
    return sections


def nearest(study: Study) -> list[Row]:
    """One row per LoRA with a Direction: its nearest other LoRA, and with known effects whether they share one."""
    corpus = study.corpus
    numbers = np.flatnonzero(corpus.has_direction)
    if len(numbers) < 2:
        return []
    units = corpus.units[numbers]
    labels = study.truth.labels if study.truth else []
    found = []
    size = max(1, _CELLS_AT_ONCE // len(units))
    for start in range(0, len(units), size):
        cosines = units[start : start + size] @ units.T
        own = np.arange(len(cosines))
        cosines[own, own + start] = -np.inf
        for offset, other in enumerate(cosines.argmax(axis=1)):
            one, two = int(numbers[start + offset]), int(numbers[other])
            row = {
                "lora_id": corpus.lora_ids[one],
                "name": corpus.loras[one]["name"],
                "cosine": float(cosines[offset, other]),
                "neighbour_id": corpus.lora_ids[two],
                "neighbour_name": corpus.loras[two]["name"],
            }
            found.append(row | ({"shares_effect": bool(labels[one] & labels[two])} if labels else {}))
    return sorted(found, key=lambda row: (-row["cosine"], row["lora_id"]))


def shared_directions(study: Study) -> list[Row]:
    """Rows of mart.shared_direction."""
    return _of_profile(study, _SHARED)


def _agreement(neighbours: list[Row], study: Study) -> str:
    """How often neighbours share an effect, of the LoRAs whose effect another LoRA has too."""
    if study.truth is None:
        return ""
    labels = dict(zip(study.corpus.lora_ids, study.truth.labels, strict=True))
    counts = Counter(effect for lora_id in (row["lora_id"] for row in neighbours) for effect in labels[lora_id])
    told = [row["shares_effect"] for row in neighbours if any(counts[effect] > 1 for effect in labels[row["lora_id"]])]
    if not told:
        return ""
    return f" Of {len(told)} LoRAs whose effect another one has too, {sum(told)} have a neighbour that shares it."


def _of_profile(study: Study, query: str) -> list[Row]:
    with lake_errors():
        return rows(study.con, query, {"profile_id": study.corpus.profile.profile_id})
