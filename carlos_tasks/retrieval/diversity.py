"""Hits that are not all the same: near-duplicates under one hit, and maximal marginal relevance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles
from carlos_tasks.errors import CarlosError

#: What `group_at` is where somebody only says that near-duplicates should be one hit.
GROUP_AT = 0.95

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Variety:
    """How hits may resemble each other.

    Args:
        diversity: 0 ranks by score alone, 1 by being unlike the hits above; the first is the best in any case.
        group_at: a hit stands for the candidates whose Direction has at least this cosine with its own; None: each
            stands for itself.

    Raises:
        CarlosError: diversity is not within 0 and 1, or group_at not above 0 and at most 1.
    """

    diversity: float = 0.0
    group_at: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.diversity <= 1:
            raise CarlosError(f"diversity = {self.diversity}: give a number from 0 (by score alone) to 1")
        if self.group_at is not None and not 0 < self.group_at <= 1:
            raise CarlosError(f"group_at = {self.group_at}: give a cosine above 0, at most 1; {GROUP_AT} is usual")


def first_of_groups(units: Doubles, cosine: float, k: int) -> Places:
    """Places of the first k candidates that none before them stands for.

    Args:
        units: (r, d), unit Directions, best first.
        cosine: from which on a candidate stands for another.
        k: how many to return at most.
    """
    is_free = np.ones(len(units), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < k and is_free.any():
        place = int(is_free.argmax())
        chosen.append(place)
        is_free &= units @ units[place] < cosine
        # Rounding may leave a vector's cosine with itself below 1.
        is_free[place] = False
    return np.array(chosen, dtype=np.intp)


def marginal_relevance(scores: Doubles, units: Doubles, diversity: float, k: int) -> Places:
    """Places of k candidates, each the best by (1 − diversity)·score − diversity·(largest cosine with those before it).

    Source: Carbonell and Goldstein, The Use of MMR, Diversity-Based Reranking (1998).

    Args:
        scores: (r,), best first.
        units: (r, d), unit Directions.
        diversity: from 0 to 1.
        k: how many to return at most.
    """
    chosen = [0] if len(scores) else []
    nearest = np.full(len(scores), -np.inf)
    is_free = np.arange(len(scores)) > 0
    while len(chosen) < k and is_free.any():
        nearest = np.maximum(nearest, units @ units[chosen[-1]])
        worth = np.where(is_free, (1 - diversity) * scores - diversity * nearest, -np.inf)
        chosen.append(int(worth.argmax()))
        is_free[chosen[-1]] = False
    return np.array(chosen, dtype=np.intp)
