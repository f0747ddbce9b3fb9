"""What is evaluated: the LoRAs of one profile as the lake knows them, read once."""

from dataclasses import dataclass

import duckdb
import numpy as np

from carlos_tasks.aliases import Row
from carlos_tasks.arrays import Floats, Mask
from carlos_tasks.errors import NotFound
from carlos_tasks.lake.directions import direction_matrix, unit_vectors
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.state import lake_state
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.untrusted.text import without_markup

FILTERS = {"none": (), "strength": ("strength",), "consistency": ("consistency",), "both": ("strength", "consistency")}
"""Which thresholds each filter of the ablation applies; "both" is what search does."""

_THRESHOLDS = "select name, value, origin from core.threshold where profile_id = $profile_id order by name"


@dataclass(frozen=True, eq=False)
class Corpus:
    """The LoRAs of a profile that were measured or tried, sorted by lora_id.

    Attributes:
        profile: whose representations these are.
        snapshot_id: state of the lake that was read; `committed_at`: when that state was committed (ISO 8601).
        thresholds: rows of name, value, origin.
        loras: one row per LoRA: names, metadata, status, measures, `passes_strength`, `passes_consistency`.
        has_direction: (n,), whether a LoRA has a Direction (`carlos_tasks.lake.directions`).
        units: float32 (n, d), Directions at length 1; zeros where there is none.
    """

    profile: Profile
    snapshot_id: int
    committed_at: str
    thresholds: tuple[Row, ...]
    loras: tuple[Row, ...]
    has_direction: Mask
    units: Floats

    @property
    def lora_ids(self) -> list[str]:
        """The ids, sorted."""
        return [lora["lora_id"] for lora in self.loras]

    def admitted(self, filter_name: str) -> Mask:
        """Which LoRAs a filter of FILTERS leaves: (n,). Those without a Direction are never among them."""
        passes = [np.array([lora[f"passes_{part}"] for lora in self.loras], bool) for part in FILTERS[filter_name]]
        return np.logical_and.reduce([self.has_direction, *passes])

    def threshold(self, name: str) -> float | None:
        """The value of a threshold, None where the profile has none of that name."""
        return next((float(row["value"]) for row in self.thresholds if row["name"] == name), None)

    def documents(self) -> list[str]:
        """What creators wrote of each LoRA (names, description, tags, trigger words), without its mark-up."""
        return [document(lora) for lora in self.loras]


def document(lora: Row) -> str:
    """Join a LoRA's metadata into one text; tags of HTML are left out, and its character references resolved."""
    parts = [*(lora["names"] or []), lora["description"] or "", *(lora["tags"] or []), *(lora["trained_words"] or [])]
    return without_markup(" ".join(parts))


def read_corpus(con: duckdb.DuckDBPyConnection, profile: Profile) -> Corpus:
    """Read the LoRAs of a profile.

    Raises:
        NotFound: no LoRA of the profile has a Direction yet.
        ProfileMismatch: their Directions differ in dimension.
    """
    wanted = {"profile_id": profile.profile_id}
    with lake_errors():
        snapshot_id, committed_at = lake_state(con)
        thresholds = rows(con, _THRESHOLDS, wanted)
        loras = rows(con, statement("ask/evaluation/evaluated_loras"), wanted)
        vectors, lengths = direction_matrix(con, profile.profile_id, [lora["lora_id"] for lora in loras])
    if not lengths.any():
        raise NotFound(
            f"no LoRA is measured under profile {profile.name} yet, so there is nothing to evaluate: run carlos index, "
            "or name another profile with CARLOS_PROFILE"
        )
    return Corpus(
        profile=profile,
        snapshot_id=snapshot_id,
        committed_at=committed_at.isoformat(),
        thresholds=tuple(thresholds),
        loras=tuple(loras),
        has_direction=lengths > 0,
        units=unit_vectors(vectors, lengths),
    )
