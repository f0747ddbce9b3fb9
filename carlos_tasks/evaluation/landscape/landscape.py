"""Strength and Consistency of every LoRA, with the thresholds: what is removed, and who stands out."""

from collections import Counter
from collections.abc import Collection

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.evaluation.corpus.corpus import Corpus
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.landscape.landscape_figure import landscape_figure
from carlos_tasks.evaluation.landscape.likeness import shared_directions
from carlos_tasks.evaluation.section import Section

EACH_END = 2
_ENOUGH_FOR_A_TREND = 20
_SAYS = (
    "How many LoRAs have each status under the profile's thresholds: {thresholds}. The figure is the paper's: one "
    "point per LoRA, bars are two standard errors where they are known, rings mark unrelated LoRAs that share one "
    "Direction. Numbers are those of the next table, which has the names: these are strangers' text, and the picture "
    "should be fit to be shown."
)
_OUTLIERS_SHOWN = ("number", "why", "lora_id", "name", "status", "strength", "consistency")
_OUTLIERS_SAYS = (
    "The ends of Strength and of Consistency, the LoRAs that lie furthest off the trend of Consistency over Strength "
    "(a parabola fitted to all), and those that share one Direction with unrelated LoRAs."
)


def landscape(study: Study) -> list[Section]:
    """The statuses, and the LoRAs that stand out."""
    corpus = study.corpus
    told = ", ".join(f"{row['name']} {row['value']:.4g} ({row['origin']})" for row in corpus.thresholds)
    broken = [group for group in shared_directions(study) or [] if group["sign"] == "degenerate"]
    shared = {lora_id for group in broken for lora_id in group["lora_ids"]}
    outliers = outstanding(corpus, shared)
    return [
        Section(
            "landscape",
            "Strength and Consistency",
            _SAYS.format(thresholds=told or "none are set"),
            _by_status(corpus),
            figure=landscape_figure(corpus, outliers, shared),
        ),
        Section("outliers", "LoRAs that stand out", _OUTLIERS_SAYS, outliers, _OUTLIERS_SHOWN),
    ]


def _by_status(corpus: Corpus) -> list[Row]:
    counts = Counter(lora["status"] for lora in corpus.loras)
    rows = []
    for status, count in counts.most_common():
        told = [lora for lora in corpus.loras if lora["status"] == status]
        row: Row = {"status": status, "loras": count, "share": count / len(corpus.loras)}
        for name in ("strength", "consistency"):
            values = [lora[name] for lora in told if lora[name] is not None]
            row[f"{name} median"] = float(np.median(values)) if values else None
        rows.append(row)
    return rows


def outstanding(corpus: Corpus, shared: Collection[str]) -> list[Row]:
    """The LoRAs that stand out, each once with every reason; numbered as in the figure.

    Args:
        shared: ids of LoRAs that share one Direction with unrelated ones, a sign of broken pictures.
    """
    measured = [lora for lora in corpus.loras if lora["strength"] is not None and lora["consistency"] is not None]
    if not measured:
        return []
    strength, consistency = (np.array([lora[name] for lora in measured]) for name in ("strength", "consistency"))
    scales = [(strength, "strongest", "weakest"), (consistency, "most consistent", "least consistent")]
    if len(measured) >= _ENOUGH_FOR_A_TREND:
        off = consistency - np.polyval(np.polyfit(strength, consistency, 2), strength)
        scales.append(
            (off, "more consistent than others of its Strength", "less consistent than others of its Strength")
        )
    reasons: dict[int, list[str]] = {}
    for values, highest, lowest in scales:
        order = np.lexsort((np.arange(len(values)), -values))
        for why, numbers in ((highest, order[:EACH_END]), (lowest, order[::-1][:EACH_END])):
            for number in numbers:
                reasons.setdefault(int(number), []).append(why)
    for number, lora in enumerate(measured):
        if lora["lora_id"] in shared:
            reasons.setdefault(number, []).append("shares its Direction with unrelated LoRAs")
    wanted = ("lora_id", "name", "status", "strength", "strength_se", "consistency", "consistency_se")
    return [
        {"number": place, "why": ", ".join(why)} | {name: measured[index][name] for name in wanted}
        for place, (index, why) in enumerate(reasons.items(), start=1)
    ]
