"""Whether a LoRA needs further pairs, after a look at those that it has.

It needs none where its status is sure and keeps it out of search, or where besides its Direction and its Strength are
known as exactly as the profile asks for. What is sure is so at every look together (`repeated_looks`). The truth that
all is held against is what all pairs of the profile would say.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.profiles.budget import Budget
from carlos_tasks.representation.drawn import Drawn
from carlos_tasks.representation.estimates import estimates
from carlos_tasks.representation.pair_sums import PromptSums, prompt_sums
from carlos_tasks.representation.pairs import Pairs
from carlos_tasks.representation.repeated_looks import standard_errors


@dataclass(frozen=True)
class Look:
    """What a look at some pairs says.

    Args:
        n_pairs: that were looked at, flagged ones too.
        status: by these pairs, and the thresholds in force.
        full_cosine_lower: a lower bound of the cosine with the Direction of all pairs; None where none is told.
        strength_error: standard error of Strength, as a share of it; None where none is told.
        open: what is not known well enough yet, of `direction`, `strength` and `status`.
    """

    n_pairs: int
    status: str
    full_cosine_lower: float | None
    strength_error: float | None
    open: tuple[str, ...]

    @property
    def is_settled(self) -> bool:
        """Whether no further pair is needed."""
        return not self.open


def look_at_pairs(pairs: Pairs, budget: Budget, thresholds: Mapping[str, float], n_prompts: int, n_seeds: int) -> Look:
    """Take the estimates of some pairs, and tell what is still open.

    Args:
        pairs: those of a LoRA so far, in the budget's order.
        budget: the looks, and what settled means.
        thresholds: by name, those in force; one that is absent filters nothing.
        n_prompts, n_seeds: of the profile.
    """
    sums = prompt_sums(pairs)
    row = estimates(sums, pairs.n_all, pairs.n_flagged)
    if row["measured"] == "degenerate":
        return Look(pairs.n_all, "degenerate", None, None, ())
    settled = budget.settled
    cosine, strength_se = _known(pairs, Drawn(pairs.prompt_no, n_prompts, n_seeds), budget)
    # These follow prompts as units; of a finite set, what is drawn errs no more.
    rest = math.sqrt(max(1 - pairs.n_all / (n_prompts * n_seeds), 0.0))
    errors = {
        "strength": strength_se,
        "consistency": _times(row["consistency_se"], rest),
        "prompt_retention": _times(retention_se(sums), rest),
    }
    status, is_sure = sure_status(row, errors, thresholds, _at_every_look(budget, settled.status_errors))
    strength_error = None if strength_se is None or not row["strength"] else strength_se / row["strength"]
    still = [] if is_sure else ["status"]
    if status == "ok" or not is_sure:
        still += ["direction"] if cosine is None or cosine < settled.direction_cosine else []
        still += ["strength"] if strength_error is None or strength_error > settled.strength_error else []
    return Look(pairs.n_all, status, cosine, strength_error, tuple(still))


def _known(pairs: Pairs, drawn: Drawn, budget: Budget) -> tuple[float | None, float | None]:
    """A lower bound of cos(Direction, that of all pairs), and the standard error of Strength.

    D̂ = D + e. Of e only what is perpendicular to D̂ turns it: cos² = 1 - |e⊥|² / |D̂|², and |D̂| is known.
    """
    v = pairs.x[pairs.x_rows].astype(np.float64) - pairs.y[pairs.y_rows]
    lengths = np.sqrt((v * v).sum(axis=1))
    direction = v.mean(axis=0) if len(v) else np.zeros(0)
    norm2 = float(direction @ direction)
    of_strength = drawn.error(lengths[:, None])
    strength_se = math.sqrt(of_strength.expected) if of_strength else None
    if not norm2 > 0:
        return None, strength_se
    of_direction = drawn.error(v - np.outer(v @ direction / norm2, direction))
    if of_direction is None:
        return None, strength_se
    # Two standard errors to one side: who says "at least" errs half as often as who says "between".
    upper = of_direction.upper(_at_every_look(budget, 2.0))
    return math.sqrt(max(1 - upper / norm2, 0.0)), strength_se


def _at_every_look(budget: Budget, single: float) -> float:
    """So many standard errors at each look err together as rarely as `single` of them at one look."""
    return standard_errors(budget.looks, math.erfc(single / math.sqrt(2)))


def _times(error: float | None, share: float) -> float | None:
    return None if error is None else error * share


def sure_status(
    row: Row, errors: Mapping[str, float | None], thresholds: Mapping[str, float], n_errors: float
) -> tuple[str, bool]:
    """The status that macro core.status gives, and whether each measure that decided it is clear of its threshold.

    Args:
        row: columns of core.representation.
        errors: standard errors of `strength`, `consistency` and `prompt_retention`; None where there is none.
        thresholds: by name; one that is absent filters nothing.
        n_errors: standard errors that a measure lies from its threshold where it is clear of it.
    """
    if row["measured"] != "measured":
        return str(row["measured"]), True

    def against(measure: str, threshold: str) -> tuple[int, bool]:
        """Whether a measure is above (1) or below (-1) its threshold, or has none (0); and whether that is sure."""
        limit, value, error = thresholds.get(threshold), row[measure], errors[measure]
        if limit is None:
            return 0, True
        if value is None:
            return -1, False
        side = -1 if value < limit else 1 if value > limit else 0
        return side, error is not None and abs(value - limit) >= n_errors * error

    weak, weak_sure = against("strength", "strength_min")
    if weak < 0:
        return "no_effect", weak_sure
    strong, strong_sure = against("strength", "strength_max")
    kept, kept_sure = against("prompt_retention", "retention_min")
    is_overpowering = strong > 0 and (
        "retention_min" not in thresholds or (kept < 0 and row["prompt_retention"] is not None)
    )
    # A LoRA is not overpowering for either of two reasons; one that is sure is enough.
    sure = weak_sure and (
        strong_sure and kept_sure if is_overpowering else (strong <= 0 and strong_sure) or (kept > 0 and kept_sure)
    )
    if is_overpowering:
        return "overpowering", sure
    erratic, erratic_sure = against("consistency", "consistency_min")
    return "inconsistent" if erratic < 0 else "ok", sure and erratic_sure


def retention_se(sums: PromptSums) -> float | None:
    """Standard error of prompt_retention, delete-one-prompt jackknife; None where there is none."""
    if len(sums.n) < 3:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        left = _retention_left(sums.v + sums.y, sums.n) / _retention_left(sums.y, sums.n)
    if not np.isfinite(left).all():
        return None
    return math.sqrt((len(left) - 1) / len(left) * float(((left - left.mean()) ** 2).sum()))


def _retention_left(own: np.ndarray, n_own: np.ndarray) -> np.ndarray:
    """Spread between prompts without each of them: sum of |s_p|² / n_p less n |mean|²."""
    whole, n = own.sum(axis=0), n_own.sum()
    norm2 = (own * own).sum(axis=1)
    rest = whole @ whole - 2 * (own @ whole) + norm2
    return (norm2 / n_own).sum() - norm2 / n_own - rest / (n - n_own)
