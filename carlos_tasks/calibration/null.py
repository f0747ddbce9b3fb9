"""How unusual a score is: held against scores of its kind that mean nothing, corrected for the number of tests.

A LoRA's score with what is asked about is one more draw of its *null*, if the LoRA has nothing to do with it: its
scores with things that are not asked about. With x̄ and s the mean and standard deviation of the K null scores,

    z = (score − x̄) / (s · √(1 + 1/K)),    p = P(T ≥ z), T of Student's t with K − 1 degrees of freedom,

the upper tail of a prediction interval for one further observation (Hahn and Meeker, Statistical Intervals, section
4.7). The counted p = (1 + #{null ≥ score}) / (K + 1) (Phipson and Smyth, 2010) assumes no distribution, and is never
below 1 / (K + 1). This module knows numbers only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carlos_tasks.arrays import Doubles

#: With fewer null scores than this, nothing is said.
MIN_NULL = 20
# Null scores that are held at once, as float64: 1 MB, which stays in the processor's cache.
_AT_ONCE = 2**17


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Scores held against their nulls.

    Attributes:
        z: standard deviations above the null, as of one further observation, float64 (n,); nan where nothing is said.
        p: upper tail of Student's t of z, float64 (n,).
        p_counted: share of the null that is at least as high, the score itself counted, float64 (n,).
        n_null: null scores that were there, int64 (n,).
    """

    z: Doubles
    p: Doubles
    p_counted: Doubles
    n_null: NDArray[np.int64]


def calibrated(scores: ArrayLike, null: ArrayLike) -> Calibrated:
    """Hold each score against its own null.

    Args:
        scores: float (n,); nan: nothing is said of it.
        null: float (n, K), or (K,) for all alike; nan: left out. Read in blocks, so that float32 stays float32.

    Returns:
        nan for z, p and p_counted where fewer than `MIN_NULL` null scores are there, or they are all the same.
    """
    asked = np.asarray(scores, dtype=np.float64)
    values = np.asarray(null)
    values = np.broadcast_to(values, (len(asked), values.shape[-1]))
    rows = max(1, _AT_ONCE // max(1, values.shape[1]))
    starts = range(0, len(asked), rows)
    parts = [_calibrated(asked[i : i + rows], values[i : i + rows].astype(np.float64)) for i in starts]
    if not parts:
        parts = [_calibrated(asked, values.astype(np.float64))]
    return Calibrated(
        z=np.concatenate([part.z for part in parts]),
        p=np.concatenate([part.p for part in parts]),
        p_counted=np.concatenate([part.p_counted for part in parts]),
        n_null=np.concatenate([part.n_null for part in parts]),
    )


def false_discovery_q(p: ArrayLike) -> Doubles:
    """q-values: the lowest false discovery rate at which each test is called (Benjamini and Hochberg, 1995).

    Args:
        p: float (m,), of all tests that are looked at together; nan is no test.

    Returns:
        float64 (m,); nan where p is.
    """
    from scipy.stats import false_discovery_control

    given = np.asarray(p, dtype=np.float64)
    is_test = ~np.isnan(given)
    q = np.full(given.shape, np.nan)
    if is_test.any():
        q[is_test] = false_discovery_control(given[is_test])
    return q


def percentile_of(values: ArrayLike) -> Doubles:
    """Share of the others that are lower than each value; one that is the same counts half.

    Args:
        values: float (n,); nan is no value.

    Returns:
        float64 (n,) from 0 to 1; nan where the value is, and where there are no others.
    """
    from scipy.stats import rankdata

    given = np.asarray(values, dtype=np.float64)
    is_value = ~np.isnan(given)
    n = int(is_value.sum())
    share = np.full(given.shape, np.nan)
    if n > 1:
        share[is_value] = (rankdata(given[is_value]) - 1) / (n - 1)
    return share


def _calibrated(scores: Doubles, null: Doubles) -> Calibrated:
    from scipy.stats import t

    is_there = ~np.isnan(null)
    n_null = is_there.sum(axis=1)
    degrees = np.maximum(n_null - 1, 1)
    mean = np.nansum(null, axis=1) / np.maximum(n_null, 1)
    away = np.where(is_there, null - mean[:, None], 0.0)
    spread = np.sqrt(np.einsum("ij,ij->i", away, away) / degrees * (1 + 1 / np.maximum(n_null, 1)))
    # A spread that is rounding alone says nothing of how far a score may lie away.
    is_told = (n_null >= MIN_NULL) & (spread > 1e-9 * (1 + np.abs(mean))) & ~np.isnan(scores)
    z = np.full(len(scores), np.nan)
    np.divide(scores - mean, spread, out=z, where=is_told)
    at_least = (null >= scores[:, None]).sum(axis=1)
    return Calibrated(
        z=z,
        p=np.asarray(t.sf(z, degrees), dtype=np.float64),
        p_counted=np.where(is_told, (1 + at_least) / (n_null + 1), np.nan),
        n_null=n_null.astype(np.int64),
    )
