"""How good a ranking is: hit rate, reciprocal rank, nDCG; how varied it is: entropy; and how sure that is.

Everything starts from scores (n_queries, n_loras) in which NaN says that a method does not return that LoRA.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Mask

METRICS = ("hit@1", "hit@3", "mrr", "ndcg@10")
_DEPTH = 10
_TAIL = 0.025  # of a 95 % interval, on either side


def ranked(scores: Doubles) -> NDArray[np.intp]:
    """Columns of each row, best first: (n_queries, n_loras). Ties go by column, as the lake breaks them by lora_id."""
    return np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")


def in_order(scores: Doubles, relevant: Mask) -> Mask:
    """Whether the LoRA at each place is a right answer: (n_queries, n_loras); False where none is returned."""
    return np.take_along_axis(relevant & ~np.isnan(scores), ranked(scores), axis=1)


def top(scores: Doubles, k: int) -> NDArray[np.intp]:
    """The columns of the first k of each row: (n_queries, at most k); -1 where fewer are returned."""
    order = ranked(scores)[:, :k]
    return np.where(np.isnan(np.take_along_axis(scores, order, axis=1)), -1, order)


def quality(scores: Doubles, relevant: Mask) -> dict[str, Doubles]:
    """Each of METRICS for every query.

    hit@k: a right answer is among the first k. mrr: 1 over the place of the first right answer, 0 without one.
    ndcg@10: binary gains, against the best order of all right answers (Järvelin and Kekäläinen 2002).

    Returns:
        float64 (n_queries,) by name.
    """
    right = in_order(scores, relevant)
    first = np.where(right.any(axis=1), right.argmax(axis=1) + 1.0, np.inf)
    discount = 1 / np.log2(np.arange(2, _DEPTH + 2))
    gained = right[:, :_DEPTH] @ discount[: right.shape[1]]
    n_right = np.minimum(relevant.sum(axis=1), _DEPTH)
    best = np.concatenate([[0.0], np.cumsum(discount)])[n_right]
    return {
        "hit@1": (first <= 1).astype(float),
        "hit@3": (first <= 3).astype(float),
        "mrr": 1 / first,
        "ndcg@10": np.divide(gained, best, out=np.zeros_like(best), where=best > 0),
    }


def margin(scores: Doubles, relevant: Mask) -> Doubles:
    """Score of the best right answer less that of the best wrong one: (n_queries,), NaN where one of them is missing.

    It tells forms of one method apart where hit rates cannot any more; above 0 exactly where the first answer is right.
    """
    best = [np.where(np.isnan(scores) | ~mask, -np.inf, scores).max(axis=1) for mask in (relevant, ~relevant)]
    with np.errstate(invalid="ignore"):
        difference = best[0] - best[1]
    return np.where(np.isfinite(difference), difference, np.nan)


def interval(
    values: Doubles, groups: Sequence[str], n_bootstrap: int, seed: int, *, is_share: bool = True
) -> tuple[float, float] | tuple[None, None]:
    """Bootstrap interval of the mean of `values` (95 %, percentiles), drawing whole groups.

    Queries for one effect have the same right answers, so they stand or fall together: the effect is what is drawn.
    Where all values are 1 (or 0) a bootstrap would claim certainty; the end is then that of Clopper and Pearson for as
    many groups, all of them right (or wrong).

    Args:
        values: (n,), one per query.
        groups: (n,), the effect of each query.
        n_bootstrap: resamples.
        seed: of the generator; the same question has the same answer.
        is_share: the values lie between 0 and 1.

    Returns:
        Lower and upper end; None twice where there are fewer than two groups.
    """
    names = sorted(set(groups))
    if len(names) < 2:
        return None, None
    member = np.array([[group == name for group in groups] for name in names], float)
    sums, counts = member @ values, member.sum(axis=1)
    drawn = np.random.default_rng(seed).integers(len(names), size=(n_bootstrap, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [_TAIL, 1 - _TAIL])
    if is_share and (values == 1).all():
        low = _TAIL ** (1 / len(names))
    if is_share and (values == 0).all():
        high = 1 - _TAIL ** (1 / len(names))
    return float(low), float(high)


def ends_of(name: str, low: float | None, high: float | None) -> dict[str, float | str | None]:
    """Columns for the interval of a measure: its ends, and both as one text for tables."""
    text = None if low is None or high is None else f"{low:.2f}–{high:.2f}"
    return {f"{name} low": low, f"{name} high": high, f"{name} 95 %": text}


def spread(returned: NDArray[np.intp], n_loras: int) -> dict[str, float]:
    """How varied are the LoRAs that a method returns?

    Args:
        returned: column numbers, of any shape; negative ones are empty places.
        n_loras: how many LoRAs there are to return.

    Returns:
        `entropy_normalised`: Shannon entropy of how often each is returned, over log n_loras: 1 if all are returned
        equally often, 0 if it is always one. `effective_loras`: exp of the entropy. `coverage`: share ever returned.
    """
    counts = np.bincount(returned[returned >= 0].ravel(), minlength=n_loras).astype(float)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    entropy = float(-(shares * np.log(shares)).sum()) + 0.0
    return {
        "entropy_normalised": entropy / np.log(n_loras) if n_loras > 1 else 0.0,
        "effective_loras": float(np.exp(entropy)) if shares.size else 0.0,
        "coverage": float((counts > 0).mean()),
    }
