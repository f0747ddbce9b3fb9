"""What an attribution found: every measured LoRA of a profile against a reference set, as of one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.attribution.comparison import Comparison
from carlos_tasks.attribution.reference import Reference
from carlos_tasks.calibration.measured import Measured
from carlos_tasks.calibration.null import percentile_of
from carlos_tasks.policies.policy import Policy
from carlos_tasks.profiles.profile import Profile

#: LoRAs are flagged at this false discovery rate.
Q_FLAGGED = 0.1


@dataclass(frozen=True, eq=False)
class Attribution:
    """What was compared, and how it came out.

    Attributes:
        reference: what was asked about.
        profile: under which the LoRAs were measured.
        snapshot_id: state of the lake; committed_at: when that state was committed.
        measured: the LoRAs, n of them.
        comparisons: one for each basis of the reference set; the first of them ranks.
        picture_rows: the files of the reference set (`pictures.read_pictures`).
        policy: whose neutral texts the texts were held against; None where there are no texts.
    """

    reference: Reference
    profile: Profile
    snapshot_id: int
    committed_at: datetime
    measured: Measured
    comparisons: tuple[Comparison, ...]
    picture_rows: list[Row]
    policy: Policy | None

    @property
    def main(self) -> Comparison:
        """The comparison that ranks: with the pictures, or else the LoRAs, or else the texts."""
        return self.comparisons[0]

    @property
    def n_tests(self) -> int:
        """Tests that the q-values account for."""
        return sum(int((~np.isnan(comparison.told.p)).sum()) for comparison in self.comparisons)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Numbers of the LoRAs, the most similar first; those that were not compared are left out."""
        return ranking(self.main)

    @property
    def is_flagged(self) -> Mask:
        """LoRAs whose q-value in the main comparison is at most Q_FLAGGED, (n,)."""
        return self.main.q <= Q_FLAGGED

    @cached_property
    def strength_percentile(self) -> Doubles:
        """Share of the other LoRAs with a lower Strength, (n,)."""
        return _percentiles(self.measured.loras, "strength")

    @cached_property
    def consistency_percentile(self) -> Doubles:
        """Share of the other LoRAs with a lower Consistency, (n,)."""
        return _percentiles(self.measured.loras, "consistency")

    @cached_property
    def table(self) -> pa.Table:
        """All of it, one row per LoRA and basis: in the order of the ranking, then those that were not compared."""
        ranks = {int(number): rank for rank, number in enumerate(self.order, start=1)}
        rest = [number for number in range(len(self.measured.loras)) if number not in ranks]
        order = np.array([*self.order, *rest], dtype=np.intp)
        return pa.concat_tables([self._rows_of(comparison, order, ranks) for comparison in self.comparisons])

    def _rows_of(self, comparison: Comparison, order: NDArray[np.intp], ranks: dict[int, int]) -> pa.Table:
        loras = [self.measured.loras[number] for number in order]
        told = comparison.told
        columns: dict[str, tuple[pa.DataType, object]] = {
            "rank": (pa.int32(), [ranks.get(int(number)) for number in order]),
            "lora_id": (pa.string(), [lora["lora_id"] for lora in loras]),
            "basis": (pa.string(), [comparison.basis.kind] * len(loras)),
            "status": (pa.string(), [lora["status"] for lora in loras]),
            "similarity": (pa.float64(), comparison.similarity[order]),
            "low": (pa.float64(), comparison.low[order]),
            "high": (pa.float64(), comparison.high[order]),
            "percentile": (pa.float64(), comparison.percentile[order]),
            "z": (pa.float64(), told.z[order]),
            "p": (pa.float64(), told.p[order]),
            "p_counted": (pa.float64(), told.p_counted[order]),
            "n_null": (pa.int32(), told.n_null[order].astype(np.int32)),
            "q": (pa.float64(), comparison.q[order]),
            "strength": (pa.float64(), [lora["strength"] for lora in loras]),
            "strength_percentile": (pa.float64(), self.strength_percentile[order]),
            "consistency": (pa.float64(), [lora["consistency"] for lora in loras]),
            "consistency_percentile": (pa.float64(), self.consistency_percentile[order]),
        }
        return pa.table({name: pa.array(values, kind, from_pandas=True) for name, (kind, values) in columns.items()})


def ranking(comparison: Comparison) -> NDArray[np.intp]:
    """Numbers of the LoRAs that were compared, the most similar first; of those alike by lora_id."""
    similarity = comparison.similarity
    order = np.argsort(-np.nan_to_num(similarity, nan=-np.inf), kind="stable")
    return order[~np.isnan(similarity[order])]


def _percentiles(loras: Sequence[Row], name: str) -> Doubles:
    return percentile_of(np.array([lora[name] for lora in loras], dtype=np.float64))
