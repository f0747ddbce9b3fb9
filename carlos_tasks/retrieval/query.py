"""What is asked for: weighted parts (a text, a LoRA, images, a pair of images) and how they make one score.

With v̂ the unit vector of a part and w its weight, wanted = Σ_{w>0} w·v̂, and a LoRA of Direction D scores
cos(D, wanted) − Σ_{w<0} |w|·max(0, cos(D, v̂)). An unwanted part ("but not …") so takes from a LoRA that has the
unwanted effect, and gives nothing to one that has its opposite. This module knows vectors only; `query_parts` and its
neighbours make them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from carlos_tasks.arrays import Doubles, Floats, Reals
from carlos_tasks.errors import CarlosError

# Below this share of the weights, what is left of `wanted` is rounding: the parts point opposite ways.
_CANCELLED = 1e-5
# Beyond these, a part is all of the question or nothing of it, and squares leave the range of a float.
_LEAST_WEIGHT, _MOST_WEIGHT = 1e-6, 1e6


@dataclass(frozen=True, eq=False)
class Part:
    """One thing that is asked for.

    Attributes:
        asked: what people gave, for tables and messages, e.g. "pencil sketch".
        weight: above 0 for what is wanted, below 0 for what is not; only the ratio between wanted weights matters.
        vector: float32 (d,), a CLIP difference, unnormalised.
    """

    asked: str
    weight: float
    vector: Floats


@dataclass(frozen=True, eq=False)
class Query:
    """A question to the Directions of one profile.

    Attributes:
        profile_id: whose Directions it can be compared with.
        parts: what is asked for; at least one of them is wanted.
        without: lora_ids that no answer names, such as the LoRA that others are to resemble.

    Raises:
        CarlosError: no part is wanted; a weight is 0 or out of range; a vector is not finite, has no length, or is
            of another dimension than the first; the wanted parts cancel each other.
    """

    profile_id: str
    parts: tuple[Part, ...]
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for part in self.parts:
            _check(part)
        if not any(part.weight > 0 for part in self.parts):
            raise CarlosError("nothing is wanted: give at least one part with a weight above 0")
        other = next((part for part in self.parts if part.vector.shape != self.parts[0].vector.shape), None)
        if other is not None:
            raise CarlosError(
                f"{other.asked!r} has {len(other.vector)} dimensions and {self.parts[0].asked!r} "
                f"{len(self.parts[0].vector)}: they come of different encoders, ask within one profile"
            )
        weights = sum(part.weight for part in self.parts if part.weight > 0)
        if np.linalg.norm(self._wanted) <= _CANCELLED * weights:
            raise CarlosError("the query has no direction: its wanted parts cancel each other")

    @property
    def dimension(self) -> int:
        """Dimension d of the vectors."""
        return len(self.parts[0].vector)

    @cached_property
    def matrix(self) -> Floats:
        """What to multiply unit Directions with: float32 (d, m) of unit columns.

        First that of all that is wanted; then one for each unwanted part; then one for each wanted part, from which
        the contributions come. `n_scored` columns suffice for the score.
        """
        columns = [self._wanted, *self._units(wanted=False), *self._units(wanted=True)]
        units = np.stack([column / np.linalg.norm(column) for column in columns], axis=1)
        return np.ascontiguousarray(units, dtype=np.float32)

    @property
    def n_scored(self) -> int:
        """Number of the matrix's columns that the score depends on."""
        return 1 + sum(part.weight < 0 for part in self.parts)

    def score(self, cosines: Reals) -> Reals:
        """Score of LoRAs.

        Args:
            cosines: (…, at least n_scored), unit Directions times `matrix`, or times its first columns.

        Returns:
            (…,), of the same type.
        """
        penalties = np.array([-part.weight for part in self.parts if part.weight < 0], dtype=cosines.dtype)
        if not penalties.size:
            return cosines[..., 0]
        unwanted: Reals = np.maximum(cosines[..., 1 : self.n_scored], 0)
        return cosines[..., 0] - unwanted @ penalties

    def contributions(self, cosines: Reals) -> Reals:
        """What each part adds to the score; the sum over the parts is the score, up to rounding.

        Args:
            cosines: (…, m), unit Directions times `matrix`.

        Returns:
            (…, n_parts) in the order of `parts`: w·cos(D, v̂)/‖wanted‖ of a wanted one, −|w|·max(0, cos(D, v̂)) else.
        """
        own = self.part_cosines(cosines)
        weights = np.array([part.weight for part in self.parts], dtype=cosines.dtype)
        length = cosines.dtype.type(np.linalg.norm(self._wanted))
        return np.where(weights > 0, own * weights / length, np.maximum(own, 0) * weights)

    def part_cosines(self, cosines: Reals) -> Reals:
        """Cosine with each part alone: (…, n_parts) in the order of `parts`, of (…, m) as in `contributions`."""
        unwanted, wanted = iter(range(1, self.n_scored)), iter(range(self.n_scored, len(self.parts) + 1))
        order = [next(wanted if part.weight > 0 else unwanted) for part in self.parts]
        return cosines[..., order]

    @cached_property
    def _wanted(self) -> Doubles:
        weights = np.array([part.weight for part in self.parts if part.weight > 0])
        return np.asarray(weights @ np.stack(self._units(wanted=True)))

    def _units(self, wanted: bool) -> list[Doubles]:
        vectors = [part.vector.astype(np.float64) for part in self.parts if (part.weight > 0) == wanted]
        return [vector / np.linalg.norm(vector) for vector in vectors]


def _check(part: Part) -> None:
    if not _LEAST_WEIGHT <= abs(part.weight) <= _MOST_WEIGHT:
        raise CarlosError(
            f"{part.asked!r} has weight {part.weight}: give one from {_LEAST_WEIGHT:g} to {_MOST_WEIGHT:g}, "
            "below 0 for what is not wanted"
        )
    if part.vector.ndim != 1 or not np.isfinite(part.vector).all():
        raise CarlosError(f"{part.asked!r} has a vector that is no finite list of numbers")
    if not np.linalg.norm(part.vector.astype(np.float64)) > 0:
        raise CarlosError(f"the query has no direction: {part.asked!r} makes no difference to the encoder")
