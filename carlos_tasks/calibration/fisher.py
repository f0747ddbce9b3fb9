"""The 95 % interval of a cosine from bootstrap draws, on Fisher's scale.

A draw is noisier than what it is drawn of, so its cosine with anything lies lower, and with few prompts the percentiles
of the draws would leave out the cosine itself. The interval is therefore the standard one on Fisher's scale (Efron and
Tibshirani, An Introduction to the Bootstrap, section 12.6):

    tanh(artanh(cosine) ± 1.96 · standard deviation of artanh over the draws)
"""

import numpy as np
from numpy.typing import ArrayLike

from carlos_tasks.arrays import Doubles

_TWO_SIDED = np.array([-1.96, 1.96])
_MOST = 1 - 1e-12


def standard_interval(cosine: float, draws: ArrayLike) -> tuple[float, float]:
    """Ends of the interval.

    Args:
        cosine: told from all that was drawn from, -1 to 1.
        draws: float (n,), the same of each draw; nan is no draw.

    Returns:
        Low and high; nan where fewer than two draws are there.
    """
    told = np.asarray(draws, dtype=np.float64)
    told = told[~np.isnan(told)]
    if len(told) < 2:
        return float("nan"), float("nan")
    low, high = np.tanh(_fisher(cosine) + _fisher(told).std(ddof=1) * _TWO_SIDED)
    return float(low), float(high)


def _fisher(cosines: ArrayLike) -> Doubles:
    """Fisher's transformation, finite for cosines of 1 as well."""
    return np.asarray(np.arctanh(np.clip(cosines, -_MOST, _MOST)), dtype=np.float64)
