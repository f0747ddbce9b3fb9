"""Do the standard errors hold? Halves of the prompts, measured apart, against what each claims of its error."""

from collections.abc import Sequence

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles
from carlos_tasks.evaluation.convergence.jackknife import measure
from carlos_tasks.evaluation.convergence.settling import cosines
from carlos_tasks.evaluation.corpus.pairs import Pairs
from carlos_tasks.evaluation.corpus.subsets import PROMPTS, Draw
from carlos_tasks.evaluation.section import Section

_SAYS = (
    "Prompts are split into halves at random, again and again, and each half is measured by itself, with its own "
    "standard error (jackknife by prompt). within_1_se and within_2_se: how often the halves differ by no more than "
    "one or two standard errors of the difference; honest errors give 0.68 and 0.95. Direction: how often the cosine "
    "of the halves is at least the product of their lower bounds, and by how much it falls short where it is not."
)


def split_halves(pairs: Pairs, drawn: Sequence[Draw]) -> Doubles:
    """Measure both halves of every draw that has the most prompts a half can have.

    Returns:
        (n_splits, 6): difference of Strength and its standard error, the same of Consistency, cosine of the Directions
        and the product of their lower bounds.
    """
    halves = [draw for draw in drawn if draw.design == PROMPTS and draw.other is not None]
    largest = max((draw.size for draw in halves), default=0)
    rows = []
    for draw in halves:
        if draw.size == largest and draw.other is not None:
            one, other = measure(pairs, draw.chosen), measure(pairs, draw.other)
            rows.append(
                (
                    one.strength - other.strength,
                    np.hypot(one.strength_se, other.strength_se),
                    one.consistency - other.consistency,
                    np.hypot(one.consistency_se, other.consistency_se),
                    float(cosines(one.direction, other.direction)),
                    one.direction_cosine_lower * other.direction_cosine_lower,
                )
            )
    return np.array(rows, float).reshape(-1, 6)


def error_bars(splits: Doubles) -> Section:
    """How often each claim holds, over the splits of all LoRAs (n, 6)."""
    rows = []
    for name, columns in (("strength", splits[:, 0:2]), ("consistency", splits[:, 2:4])):
        difference, error = np.abs(columns[np.isfinite(columns).all(axis=1)]).T
        if len(difference):
            rows.append(
                _row(name, len(difference))
                | {
                    "median_difference": float(np.median(difference)),
                    "median_se": float(np.median(error)),
                    "within_1_se": float((difference <= error).mean()),
                    "within_2_se": float((difference <= 2 * error).mean()),
                }
            )
    bounds = splits[np.isfinite(splits[:, 4:6]).all(axis=1), 4:6]
    if len(bounds):
        short = np.maximum(bounds[:, 1] - bounds[:, 0], 0)
        missed = float(np.median(short[short > 0])) if short.any() else 0.0
        rows.append(
            _row("direction", len(bounds)) | {"bound_holds": float((short == 0).mean()), "median_shortfall": missed}
        )
    return Section("standard_errors", "Do the standard errors hold?", _SAYS, rows)


def _row(measure_name: str, n_splits: int) -> Row:
    names = ("median_difference", "median_se", "within_1_se", "within_2_se", "bound_holds", "median_shortfall")
    return {"measure": measure_name, "splits": n_splits, **dict.fromkeys(names)}
