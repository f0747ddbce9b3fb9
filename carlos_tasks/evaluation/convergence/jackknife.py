"""Standard errors by prompt, as the lake computes them, from any half of the prompts: do they cover what they claim?"""

from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.evaluation.corpus.pairs import Pairs, consistency
from carlos_tasks.retrieval.uncertainty import jackknife_se


@dataclass(frozen=True, eq=False)
class Measured:
    """A representation with what is claimed of its error: as one row of core.representation."""

    direction: Doubles
    strength: float
    consistency: float
    strength_se: float
    consistency_se: float
    direction_cosine_lower: float


def measure(pairs: Pairs, chosen: Mask) -> Measured:
    """Representation, standard errors (delete-one-prompt jackknife) and bound from part of a LoRA's pairs.

    Args:
        chosen: (n_prompts, n_seeds); prompts without a pair count in nothing.
    """
    used = chosen & pairs.valid
    kept = used.any(axis=1)
    weights, lengths = used[kept].astype(np.float64), pairs.lengths[kept]
    n = weights.sum(axis=1)
    n_nonzero = (weights * (lengths > 0)).sum(axis=1)
    length = (weights * lengths).sum(axis=1)
    unit = np.einsum("ps,psd->pd", weights, pairs.units[kept])
    own = (unit**2).sum(axis=1)
    whole = unit.sum(axis=0)
    # The sums with each prompt left out.
    norm2_without = whole @ whole - 2 * (unit @ whole) + own
    n_without = n_nonzero.sum() - n_nonzero
    between = _between_prompts(whole @ whole, own.sum(), n_nonzero.sum(), (n_nonzero**2).sum())
    between_without = _between_prompts(norm2_without, own.sum() - own, n_without, (n_nonzero**2).sum() - n_nonzero**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        strength_without = (length.sum() - length) / (n.sum() - n)
        direction = np.einsum("ps,psd->d", weights, pairs.differences[kept].astype(np.float64)) / n.sum()
    return Measured(
        direction=direction,
        strength=float(length.sum() / n.sum()) if n.sum() else float("nan"),
        consistency=float(consistency(whole @ whole, n_nonzero.sum())),
        strength_se=jackknife_se(strength_without),
        consistency_se=jackknife_se(consistency(norm2_without, n_without)),
        direction_cosine_lower=_lower(float(between), jackknife_se(between_without), int((n_nonzero > 0).sum())),
    )


def _between_prompts(sum_norm2: Doubles, sum_own2: Doubles, n: Doubles, sum_n2: Doubles) -> Doubles:
    """Mean cosine over pairs of different prompts (core.consistency_between_prompts)."""
    pairs = np.asarray(n**2 - sum_n2, float)
    return np.divide(sum_norm2 - sum_own2, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)


def _lower(between: float, standard_error: float, n_prompts: int) -> float:
    """Lower bound of cos(Direction, its true value) (core.direction_cosine_lower)."""
    low = between - 2 * standard_error
    if np.isnan(low):
        return float("nan")
    return 0.0 if low <= 0 else float(1 / np.sqrt(1 + (1 - low) / (n_prompts * low)))
