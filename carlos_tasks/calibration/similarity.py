"""How near each LoRA comes to a reference direction, and how unusual that is.

All LoRAs share something: adapted at all, a backbone's pictures change in ways that no one effect accounts for. Taken
away are the mean μ of the unit Directions D̂ of a profile and their main axes of variation, along which most pairs of
LoRAs agree or disagree (all but the top: Mu and Viswanath, ICLR 2018; one axis for every 100 dimensions, as they
advise). With P the projection that is left of D̂ − μ,

    similarity = cos(P(D̂ − μ), P(r̂ − μ))

compares what a LoRA does that others do not with the reference direction r. The null is a permutation of which effect
is called the reference: the LoRA's similarity, taken alike, with the Directions of up to N_NULL other LoRAs, those left
out that do much the same as it (raw cosine at least KIN_COSINE), since they are no examples of something else. Tried in
the micro world (docs/decisions/0021-attribution-without-what-all-loras-share.md). This module knows vectors only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.calibration.null import MIN_NULL, Calibrated, calibrated

#: Other LoRAs whose Directions stand in for the reference.
N_NULL = 1000
#: Directions this near do much the same, and are not in each other's null.
KIN_COSINE = 0.9
#: Of the draw of LoRAs: the same question gets the same answer.
NULL_SEED = 2512
#: Dimensions to one main axis that is taken away.
DIMENSIONS_PER_AXIS = 100
# Rows that are multiplied together: with the null, 16 MB.
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Shared:
    """What the LoRAs of a profile share.

    Attributes:
        mean: μ, mean of the unit Directions, float64 (d,).
        axes: main axes of their variation, orthonormal, float64 (a, d).
    """

    mean: Doubles
    axes: Doubles

    @classmethod
    def nothing(cls, dimension: int) -> "Shared":
        """Takes nothing away: similarities are plain cosines."""
        return cls(np.zeros(dimension), np.zeros((0, dimension)))


@dataclass(frozen=True, eq=False)
class Field:
    """The Directions of one profile, and what they share.

    Attributes:
        units: float32 (n, d), each of length 1.
        shared: what is taken away of them.
    """

    units: Floats
    shared: Shared

    @classmethod
    def of(cls, units: Floats) -> "Field":
        """Find what some unit Directions share; of few, only the mean is told."""
        count, dimension = units.shape
        mean = units.mean(axis=0, dtype=np.float64)
        n_axes = min(max(round(dimension / DIMENSIONS_PER_AXIS), 1), count // MIN_NULL)
        scatter = np.zeros((dimension, dimension))
        for start in range(0, count, _BLOCK):
            away = units[start : start + _BLOCK] - mean.astype(np.float32)
            scatter += away.T @ away
        axes = np.linalg.eigh(scatter)[1][:, ::-1][:, :n_axes].T
        return cls(units, Shared(mean, np.ascontiguousarray(axes)))


def centred(directions: NDArray[Any], shared: Shared) -> Doubles:
    """What is left of directions without what LoRAs share, as unit vectors.

    Args:
        directions: (d,) or (b, d), of any length.
        shared: what is taken away.

    Returns:
        float64, as `directions`; nan where nothing is left of one.
    """
    return _unit(_left(directions, shared))


def own_length(direction: Doubles, shared: Shared) -> float:
    """How long a direction (d,) of length 1 is without what LoRAs share."""
    return float(np.linalg.norm(_left(direction, shared)))


def _left(directions: NDArray[Any], shared: Shared) -> Doubles:
    away = _unit(np.asarray(directions, dtype=np.float64)) - shared.mean
    return np.asarray(away - away @ shared.axes.T @ shared.axes)


def similarities(field: Field, reference: Doubles) -> Doubles:
    """Similarity of every LoRA with a reference direction.

    Args:
        field: n Directions.
        reference: float (d,), of any length; a CLIP difference.

    Returns:
        float64 (n,); nan where nothing is left of a LoRA's Direction, or of the reference, without what is shared.
    """
    asked = centred(reference, field.shared)
    starts = range(0, len(field.units), _BLOCK)
    parts = [centred(field.units[start : start + _BLOCK], field.shared) @ asked for start in starts]
    return np.clip(np.concatenate([*parts, np.zeros(0)]), -1, 1)


def null_draw(n_loras: int, n_null: int = N_NULL, seed: int = NULL_SEED) -> NDArray[np.intp]:
    """Numbers of the LoRAs that stand in for the reference, sorted: all, or of more than `n_null` that many drawn."""
    if n_loras <= n_null:
        return np.arange(n_loras)
    return np.sort(np.random.default_rng(seed).choice(n_loras, n_null, replace=False))


def null_of(field: Field, rows: NDArray[np.intp], drawn: NDArray[np.intp]) -> Floats:
    """The null of some LoRAs: their similarity with the Directions of others.

    Args:
        field: n Directions.
        rows: (r,), whose null.
        drawn: (K,), whose Directions stand in for the reference.

    Returns:
        float32 (r, K); nan for kin, the LoRA itself among them.
    """
    own, others = field.units[rows], field.units[drawn]
    is_kin = own @ others.T >= KIN_COSINE
    is_kin |= rows[:, None] == drawn
    left, of_others = (centred(units, field.shared).astype(np.float32) for units in (own, others))
    found = left @ of_others.T
    found[is_kin] = np.nan
    return np.asarray(found, dtype=np.float32)


def against_null(field: Field, scores: Doubles, drawn: NDArray[np.intp]) -> Calibrated:
    """Hold the similarity of every LoRA against its own null, a block of LoRAs at a time.

    Args:
        field: n Directions.
        scores: (n,); nan: no test.
        drawn: as of `null_draw`.
    """
    numbers = np.arange(len(scores))
    starts = range(0, len(scores), _BLOCK)
    return joined([calibrated(scores[i : i + _BLOCK], null_of(field, numbers[i : i + _BLOCK], drawn)) for i in starts])


def joined(parts: Sequence[Calibrated]) -> Calibrated:
    """The parts of one calibration, one after the other."""
    names = ("z", "p", "p_counted", "n_null")
    return Calibrated(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _unit(vectors: Doubles) -> Doubles:
    """Vectors at length 1; nan where one has no length."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    # Less than this is what single precision leaves of two unit vectors that are the same.
    return np.asarray(np.divide(vectors, lengths, out=np.full_like(vectors, np.nan), where=lengths > 1e-6))
