"""What an attribution says in plain words: what was found, how sure it is, and what it cannot tell."""

import numpy as np

from carlos_tasks.attribution.attribute import MAX_INTERVALS
from carlos_tasks.attribution.attribution import Q_FLAGGED, Attribution
from carlos_tasks.attribution.comparison import Comparison
from carlos_tasks.calibration.null import MIN_NULL

WORDING = (
    "Strength: an indicator relevant to substantiality. Consistency: an indicator relevant to volition. A risk "
    "indicator, not a finding of infringement."
)
#: Fewer members than this are called a small set.
SMALL_SET = 50
#: Where less than this of a reference's direction is its own, the rest of it is what LoRAs share, and is not compared.
OWN_MIN = 0.5
_NAMES = {"pictures": ("picture", "pictures"), "loras": ("LoRA", "LoRAs"), "texts": ("text", "texts")}


def finding(attribution: Attribution) -> str:
    """How many LoRAs come nearer to the reference than chance explains, in a sentence or two."""
    n_flagged, n_compared = int(attribution.is_flagged.sum()), len(attribution.order)
    if np.isnan(attribution.main.told.p).all():
        return (
            f"The index has {n_compared} LoRAs to compare, too few to tell what chance does (at least {MIN_NULL + 1} "
            "that differ are needed): the similarities are shown, and no LoRA is flagged."
        )
    if not n_flagged:
        return (
            f"Of {n_compared} LoRAs, none can be told from chance. That is no finding that none does what the "
            "reference shows: what many LoRAs of an index do is taken for what they share, and hides."
        )
    verb = "comes" if n_flagged == 1 else "come"
    return (
        f"Of {n_compared} LoRAs, {n_flagged} {verb} nearer to the reference than chance explains. Of what one such "
        f"comparison flags, the share that is flagged by chance is at most {Q_FLAGGED:.0%} on average; over many "
        "comparisons that flag few it is more."
    )


def sureness(attribution: Attribution) -> list[str]:
    """Sentences on how well the reference is known, and how wide the intervals are."""
    said = [_known(comparison) for comparison in attribution.comparisons]
    said += [_own(comparison) for comparison in attribution.comparisons if comparison.null_kind == "other LoRAs"]
    said.append(_width(attribution))
    n_flagged = int(attribution.is_flagged.sum())
    if n_flagged > MAX_INTERVALS:
        said.append(f"Intervals were taken of the first {MAX_INTERVALS} LoRAs; {n_flagged} are flagged.")
    return said


def _known(comparison: Comparison) -> str:
    """How well one basis is known."""
    one, many = _NAMES[comparison.basis.kind]
    has_interval = not np.isnan(comparison.low).all()
    count, known_to = len(comparison.basis.members), comparison.basis.known_to
    if count == 1:
        said = f"The reference has one {one}. How far another of the same kind would differ is not known"
        return (
            f"{said}: the intervals account for the error of the LoRA alone, and say nothing of the style."
            if has_interval
            else f"{said}."
        )
    small = (
        f" The intervals are of the similarity with these {many}. With fewer than {SMALL_SET} they lie too low for "
        "the style that they stand for, and often do not hold its similarity."
        if has_interval and count < SMALL_SET
        else ""
    )
    if known_to is None:
        return (
            f"The reference has {count} {many} that do not agree on any direction, so that a similarity with their "
            f"mean says little.{small}"
        )
    return (
        f"The reference has {count} {many}. Their mean direction has an estimated cosine of {known_to:.3f} with that "
        f"of many more like them.{small}"
    )


def _own(comparison: Comparison) -> str:
    """How much of a reference is its own."""
    kind, share = comparison.basis.kind, comparison.own_share
    said = f"Of the direction of the {kind}, {share:.0%} of its length is left when what the LoRAs share is taken away."
    if share >= OWN_MIN:
        return said
    return (
        f"{said} Most of it is thus not compared: LoRAs that do what the reference shows may not be told from chance."
    )


def correlation(attribution: Attribution) -> float | None:
    """Pearson correlation of Strength and Consistency over the LoRAs; None where it is not defined."""
    told = [
        (lora["strength"], lora["consistency"])
        for lora in attribution.measured.loras
        if lora["strength"] is not None and lora["consistency"] is not None
    ]
    values = np.array(told, dtype=np.float64).reshape(-1, 2)
    if len(values) < 3 or not np.ptp(values, axis=0).all():
        return None
    return float(np.corrcoef(values[:, 0], values[:, 1])[0, 1])


def _width(attribution: Attribution) -> str:
    main = attribution.main
    widths = (main.high - main.low)[~np.isnan(main.low)]
    if not len(widths):
        return "No interval is given: this profile has no differences by prompt, which tell the error of a LoRA."
    return (
        f"Of the {len(widths)} LoRAs that have one, the 95 % interval of similarity is {np.median(widths):.2f} wide in "
        f"the middle, and {widths.max():.2f} at the widest."
    )
