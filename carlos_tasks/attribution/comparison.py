"""One basis of a reference set against every LoRA: similarity, null, p, percentile; q comes later, of all tests."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.attribution.basis import Basis
from carlos_tasks.calibration.measured import Measured
from carlos_tasks.calibration.null import Calibrated, calibrated, percentile_of
from carlos_tasks.calibration.similarity import (
    Field,
    Shared,
    against_null,
    joined,
    null_draw,
    null_of,
    own_length,
    similarities,
)
from carlos_tasks.calibration.text_null import SAME_COSINE, TextNull

_BLOCK = 4096

NullKind = Literal["other LoRAs", "neutral texts"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """One basis against n LoRAs; every array is (n,) in the order of `Measured.loras`, nan where there is no test.

    Attributes:
        basis: what they are compared with.
        null_kind: what stands in for the reference where there is nothing to it.
        shared: what is taken away of both directions first; nothing for texts.
        null: numbers of the LoRAs of the null, (K,), or the unit vectors of the neutral texts, (K, d).
        similarity: cosine with the reference, float64.
        percentile: share of the other LoRAs with a lower one.
        told: the similarities held against their nulls.
        low, high: ends of the 95 % interval; nan where it was not taken.
        q: false discovery rate over all tests of the attribution.
    """

    basis: Basis
    null_kind: NullKind
    shared: Shared
    null: NDArray[np.intp] | Floats
    similarity: Doubles
    percentile: Doubles
    told: Calibrated
    low: Doubles
    high: Doubles
    q: Doubles

    @property
    def own_share(self) -> float:
        """Length of the unit reference direction when what is shared is taken away; above 1 where it points away."""
        return own_length(self.basis.vector, self.shared)

    def null_of(self, measured: Measured, number: int) -> Doubles:
        """The null of one LoRA: float64 (at most K,)."""
        if self.null_kind == "other LoRAs":
            values = null_of(measured.field, np.array([number]), self.null.astype(np.intp))[0]
        else:
            values = (self.null @ measured.field.units[number]).astype(np.float32)
        return values[~np.isnan(values)].astype(np.float64)


def compare(measured: Measured, basis: Basis) -> Comparison:
    """Compare pictures or LoRAs with all LoRAs, each held against what others do (`similarity`)."""
    field = measured.field
    scores, drawn = similarities(field, basis.vector), null_draw(len(field.units))
    own = [measured.place[lora_id] for lora_id in basis.lora_ids]
    # Compared with itself, a reference LoRA would only say that it is the same; and it is no stand-in for itself.
    scores[own] = np.nan
    drawn = drawn[~np.isin(drawn, own)]
    return _comparison(basis, "other LoRAs", field.shared, drawn, scores, against_null(field, scores, drawn))


def compare_with_texts(measured: Measured, basis: Basis, neutral: TextNull) -> Comparison:
    """Compare texts with all LoRAs, each held against its cosines with neutral texts.

    Those that say the same as the texts asked about (cosine at least SAME_COSINE) are left out.
    """
    units = measured.field.units
    shared = Shared.nothing(units.shape[1])
    scores = similarities(Field(units, shared), basis.vector)
    asked = (basis.vector / np.linalg.norm(basis.vector)).astype(np.float32)
    null = neutral.units[neutral.units @ asked < SAME_COSINE]
    starts = range(0, len(scores), _BLOCK)
    told = joined([calibrated(scores[i : i + _BLOCK], units[i : i + _BLOCK] @ null.T) for i in starts])
    return _comparison(basis, "neutral texts", shared, null, scores, told)


def _comparison(
    basis: Basis, kind: NullKind, shared: Shared, null: NDArray[np.intp] | Floats, scores: Doubles, told: Calibrated
) -> Comparison:
    nothing = np.full(len(scores), np.nan)
    return Comparison(basis, kind, shared, null, scores, percentile_of(scores), told, nothing, nothing, nothing)
