"""The exact ranking: one pass over the Directions in float32, and the best again in float64.

float32 tells the best from the rest up to rounding, so a few more than asked for are taken, as many as rounding could
have let slip, and these are scored again. What comes out is the ranking of float64, ties by lora_id.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.retrieval.directions import Directions
from carlos_tasks.retrieval.joined_directions import JoinedDirections
from carlos_tasks.retrieval.query import Query

# Candidates that are scored again together: 32 MB of float64 at 512 dimensions.
_TOGETHER = 8192


@dataclass(frozen=True, eq=False)
class Ranked:
    """LoRAs, best first.

    Attributes:
        rows: rows of the Directions, (r,).
        lora_ids: their ids.
        scores: float64 (r,).
        cosines: float64 (r, m), with the columns of the query's matrix.
    """

    rows: NDArray[np.int64]
    lora_ids: list[str]
    scores: Doubles
    cosines: Doubles

    def __len__(self) -> int:
        """Number of LoRAs."""
        return len(self.rows)

    def pick(self, places: NDArray[np.intp]) -> "Ranked":
        """Those at some places, in that order."""
        ids = [self.lora_ids[place] for place in places]
        return Ranked(self.rows[places], ids, self.scores[places], self.cosines[places])


#: The answer where nothing is admitted.
NOTHING = Ranked(np.zeros(0, np.int64), [], np.zeros(0), np.zeros((0, 0)))


def rank(directions: Directions | JoinedDirections, query: Query, admitted: Mask, k: int) -> Ranked:
    """The k best of the admitted LoRAs.

    Args:
        directions: what is ranked; not empty.
        query: of the same dimension.
        admitted: bool (n,), which rows may be named.
        k: how many at most.
    """
    rows, cosines = directions.cosines(query.matrix[:, : query.n_scored], admitted)
    scores = query.score(cosines)
    rows = rows[scores >= _least(scores, k, query)]
    ids = directions.ids_of(rows)
    found = Ranked(rows, ids, *_exactly(directions, query, rows))
    order = sorted(range(len(rows)), key=lambda place: (-found.scores[place], ids[place]))
    return found.pick(np.array(order[:k], dtype=np.intp))


def _least(scores: NDArray[np.floating], k: int, query: Query) -> float:
    """What a LoRA must score in float32 to be among the k best of float64, whatever rounding did."""
    if len(scores) <= k:
        return -np.inf
    # d products, summed, of two unit vectors, on either side of the comparison: a bound, not an estimate.
    rounding = (query.dimension + 8) * float(np.finfo(np.float32).eps)
    weight = 1 + sum(-part.weight for part in query.parts if part.weight < 0)
    return float(np.partition(scores, len(scores) - k)[len(scores) - k]) - weight * rounding


def _exactly(
    directions: Directions | JoinedDirections, query: Query, rows: NDArray[np.int64]
) -> tuple[Doubles, Doubles]:
    """Scores and cosines of some rows in float64: (r,) and (r, m)."""
    matrix = query.matrix.astype(np.float64)
    cosines = np.empty((len(rows), matrix.shape[1]))
    for start in range(0, len(rows), _TOGETHER):
        units = directions.units(rows[start : start + _TOGETHER])
        for number, column in enumerate(matrix.T):
            # Not a matrix product, which adds up rows at its edges in another order: equal Directions must tie.
            cosines[start : start + _TOGETHER, number] = (units * column).sum(axis=1)
    return np.asarray(query.score(cosines), dtype=np.float64), cosines
