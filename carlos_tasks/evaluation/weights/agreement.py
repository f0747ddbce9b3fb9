"""Do near weights mean near effects? AUROC over pairs of trainings, and what the nearest neighbour shows."""

import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.evaluation.corpus.measures import interval
from carlos_tasks.evaluation.weights.described import Described

_TAIL = 0.025


def agreement(found: Described, n_bootstrap: int, seed: int) -> list[Row]:
    """One row for each way to compare, and one each for the best neighbour there is and for chance."""
    pairs = np.triu(found.is_other_training)
    names = [str(number) for number in found.numbers]
    has_partner = np.asarray((found.shares_effect & found.is_other_training).any(axis=1))
    rows: list[Row] = []
    for name, cosines in found.cosines.items():
        value, low, high = auroc(cosines, found.shares_effect, pairs, n_bootstrap, seed)
        nearest = np.where(found.is_other_training, cosines, -np.inf).argmax(axis=1)
        own = np.arange(len(nearest))
        shares = found.shares_effect[own, nearest][has_partner].astype(float)
        groups = [name for name, has in zip(names, has_partner, strict=True) if has]
        shares_low, shares_high = interval(shares, groups, n_bootstrap, seed)
        directions = found.cosines["direction"][own, nearest]
        near_low, near_high = interval(directions, names, n_bootstrap, seed, is_share=False)
        rows.append(
            {
                "compared_by": name,
                "auroc": value,
                "auroc_low": low,
                "auroc_high": high,
                "nearest_shares_effect": float(shares.mean()) if len(shares) else None,
                "nearest_shares_low": shares_low,
                "nearest_shares_high": shares_high,
                "nearest_direction_cosine": float(directions.mean()),
                "nearest_direction_low": near_low,
                "nearest_direction_high": near_high,
            }
        )
    directions = np.where(found.is_other_training, found.cosines["direction"], np.nan)
    chance = dict.fromkeys(rows[0]) | {
        "compared_by": "chance",
        "auroc": 0.5,
        "nearest_shares_effect": float(
            np.nanmean(np.where(found.is_other_training, found.shares_effect, np.nan)[has_partner])
        )
        if has_partner.any()
        else None,
        "nearest_direction_cosine": float(np.nanmean(directions)),
    }
    return [*rows, chance]


def auroc(
    cosines: Doubles, same: Mask, pairs: Mask, n_bootstrap: int, seed: int
) -> tuple[float | None, float | None, float | None]:
    """How often a pair that shares an effect is nearer than one that does not, with a 95 % interval.

    Args:
        cosines: (n, n). same: which pairs share an effect. pairs: which count, each once.
        n_bootstrap: resamples of the LoRAs, each with all its pairs.

    Returns:
        The value and the ends of its interval; None where all pairs are of one sort.
    """
    one, other = np.nonzero(pairs)
    values, is_same = cosines[one, other], same[one, other]
    if is_same.all() or not is_same.any():
        return None, None, None
    order = np.argsort(values, kind="stable")
    one, other, is_same = one[order], other[order], is_same[order]
    whole = _weighted_auroc(is_same, np.ones(len(order)))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(n_bootstrap):
        counts = np.bincount(rng.integers(len(cosines), size=len(cosines)), minlength=len(cosines))
        drawn.append(_weighted_auroc(is_same, (counts[one] * counts[other]).astype(float)))
    told = [value for value in drawn if value is not None]
    if whole is None or not told:
        return whole, None, None
    low, high = np.quantile(told, [_TAIL, 1 - _TAIL])
    return whole, float(low), float(high)


def _weighted_auroc(is_same: Mask, weights: Doubles) -> float | None:
    """AUROC of pairs in the order of their cosines, each counted as often as its weight says."""
    same, others = weights * is_same, weights * ~is_same
    total = same.sum() * others.sum()
    if not total:
        return None
    return float((same * (np.cumsum(others) - others / 2)).sum() / total)
