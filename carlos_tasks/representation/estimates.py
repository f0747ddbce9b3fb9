"""The representation of a LoRA from the sums over its pairs, to the bit what the SQL makes of them.

The specification is `sql/ask/verification/representation.sql` with the macros of `sql/macros`; each function here is
named after its macro, which states the formula.
"""

import math
from collections.abc import Sequence

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles
from carlos_tasks.representation.pair_sums import PromptSums, exact

Estimate = float | None


def estimates(sums: PromptSums, n_all: int, n_flagged: int) -> Row:
    """Columns of core.representation: what is not told from too few pairs is None.

    Args:
        sums: of the pairs that count.
        n_all: pairs, flagged or not.
        n_flagged: pairs with a flag on either side.
    """
    is_degenerate = n_flagged * 2 > n_all
    row: Row = {
        "measured": "degenerate" if is_degenerate else "measured",
        "direction": None,
        **dict.fromkeys(_ESTIMATES),
        "n_pairs": int(sums.n.sum()),
        "n_prompts": len(sums.n),
        "n_zero": int((sums.n - sums.n_nonzero).sum()),
        "n_flagged": n_flagged,
    }
    if len(sums.n):
        row |= _of_pairs(sums)
        if is_degenerate:
            row["direction"] = None
    return row


_ESTIMATES = (
    "strength",
    "consistency",
    "strength_se",
    "consistency_se",
    "direction_cosine_lower",
    "prompt_retention",
)


def _of_pairs(sums: PromptSums) -> Row:
    n, n_nonzero = int(sums.n.sum()), int(sums.n_nonzero.sum())
    n_nonzero2 = int((sums.n_nonzero * sums.n_nonzero).sum())
    v, u, y = (part.sum(axis=0) for part in (sums.v, sums.u, sums.y))
    u_own = _dot_exact(sums.u, sums.u)
    u_whole = _dot_exact(sums.u, u)
    x_sums = sums.v + sums.y
    u_norm2, own, length = _in_order(u * u), _in_order(u_own), _in_order(sums.length)
    left: list[tuple[Estimate, Estimate, Estimate]] = []
    for its_n, its_nonzero, its_length, its_whole, its_own in zip(
        sums.n.tolist(), sums.n_nonzero.tolist(), sums.length.tolist(), u_whole.tolist(), u_own.tolist(), strict=True
    ):
        norm2, nonzero = u_norm2 - 2 * its_whole + its_own, n_nonzero - its_nonzero
        left.append(
            (
                (length - its_length) / (n - its_n) if n > its_n else None,
                consistency(norm2, nonzero),
                consistency_between_prompts(norm2, own - its_own, nonzero, n_nonzero2 - its_nonzero * its_nonzero),
            )
        )
    strength_se, consistency_se, between_se = (jackknife_se(column) for column in zip(*left, strict=True))
    between = consistency_between_prompts(u_norm2, own, n_nonzero, n_nonzero2)
    return {
        "direction": (v / n).astype(np.float32),
        "strength": length / n,
        "consistency": consistency(u_norm2, n_nonzero),
        "strength_se": strength_se,
        "consistency_se": consistency_se,
        "direction_cosine_lower": direction_cosine_lower(between, between_se, int((sums.n_nonzero > 0).sum())),
        "prompt_retention": prompt_retention(
            _in_order(_dot_exact(x_sums, x_sums) / sums.n),
            _in_order(_dot_exact(sums.y, sums.y) / sums.n),
            (v + y) / n,
            y / n,
            n,
            len(sums.n),
        ),
    }


def _in_order(terms: Doubles) -> float:
    """Sum of some terms, one after the other."""
    return float(np.cumsum(terms)[-1])


def _dot_exact(one: Doubles, other: Doubles) -> Doubles:
    """Inner products of rows, as sums of exact terms."""
    return exact(one * other).sum(axis=1)


def consistency(sum_norm2: float, n: int) -> Estimate:
    """Mean pairwise cosine of n unit vectors whose sum has the squared length sum_norm2."""
    return (sum_norm2 - n) / (float(n) * (n - 1)) if n >= 2 else None


def consistency_between_prompts(sum_norm2: float, sum_own2: float, n: int, sum_n2: int) -> Estimate:
    """Mean cosine over the pairs of unit vectors that are of different prompts."""
    return (sum_norm2 - sum_own2) / (float(n) * n - sum_n2) if n * n > sum_n2 else None


def jackknife_se(estimates: Sequence[Estimate]) -> Estimate:
    """Standard error from the delete-one estimates in their order, by Welford's method, as DuckDB's list_var_pop."""
    known = [estimate for estimate in estimates if estimate is not None]
    if len(known) < 2:
        return None
    mean = squares = 0.0
    for count, estimate in enumerate(known, start=1):
        before = mean
        mean = before + (estimate - before) / count
        squares += (estimate - mean) * (estimate - before)
    return math.sqrt((len(known) - 1) * (squares / len(known)))


def direction_cosine_lower(between: Estimate, between_se: Estimate, n_prompts: int) -> Estimate:
    """A cautious lower value of cos(direction, its true value)."""
    if between is None or between_se is None:
        return None
    lower = between - 2 * between_se
    return 0.0 if lower <= 0 else 1 / math.sqrt(1 + (1 - lower) / (n_prompts * lower))


def prompt_retention(
    x_spread: float, y_spread: float, mean_x: Doubles, mean_y: Doubles, n: int, n_prompts: int
) -> Estimate:
    """How much of the variation between prompts is left with the LoRA."""
    of_baseline = y_spread - n * _in_order(mean_y * mean_y)
    if n_prompts < 2 or not of_baseline > 1e-9 * y_spread:
        return None
    return max(x_spread - n * _in_order(mean_x * mean_x), 0.0) / of_baseline
