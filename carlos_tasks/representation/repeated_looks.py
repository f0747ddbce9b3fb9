"""How many standard errors to ask for at each of several looks, so that all looks together err as rarely as one would.

Who looks again and again, and stops when an interval is narrow or far enough from a limit, stops too often by chance.
With looks fixed beforehand, one constant for all of them makes up for that (Pocock 1977); it follows from the joint
distribution of the estimates, which is that of a random walk (Armitage, McPherson and Rowe 1969).
"""

import itertools
import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from carlos_tasks.arrays import Doubles

# Nodes of the quadrature at each look; with half as many the constant for 70 looks is off by 0.01.
_NODES = 256


@cache
def standard_errors(looks: tuple[int, ...], error: float) -> float:
    """Standard errors on either side, with which the intervals of all looks hold the truth with probability 1 - error.

    Args:
        looks: numbers of independent observations, in growing order.
        error: that any of the looks misses, above 0 and below 1.
    """
    low, high = 0.0, 40.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _always_inside(looks, middle) < 1 - error else (low, middle)
    return high


def _always_inside(looks: Sequence[int], limit: float) -> float:
    """Probability that a random walk is within `limit` standard deviations of 0 at every look."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    before = width = limit * math.sqrt(looks[0])
    density = _normal(nodes * width, looks[0])
    for look, after in itertools.pairwise(looks):
        width = limit * math.sqrt(after)
        steps = nodes[:, None] * width - nodes[None, :] * before
        density = _normal(steps, after - look) @ (density * weights * before)
        before = width
    return float((density * weights).sum() * width)


def _normal(x: Doubles, variance: float) -> Doubles:
    density: Doubles = np.exp(-0.5 * x * x / variance) / math.sqrt(2 * math.pi * variance)
    return density
