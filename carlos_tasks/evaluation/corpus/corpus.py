"""What is evaluated: the LoRAs of one profile as the lake knows them, read once."""

from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from carlos_tasks.errors import NotFound
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import Row, rows, statement
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.untrusted.text import without_markup

__all__ = ["FILTERS", "Corpus", "Floats", "Mask", "Row", "document", "read_corpus"]

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

FILTERS = {"none": (), "strength": ("strength",), "consistency": ("consistency",), "both": ("strength", "consistency")}
"""Which thresholds each filter of the ablation applies; "both" is what search does."""

_STATE = "select max(snapshot_id), max(committed_at) from mart.commit_log"
_THRESHOLDS = "select name, value, origin from core.threshold where profile_id = $profile_id order by name"


@dataclass(frozen=True, eq=False)
class Corpus:
    """The LoRAs of a profile that were measured or tried, sorted by lora_id.

    Attributes:
        profile: whose representations these are.
        snapshot_id: state of the lake that was read; `committed_at`: when that state was committed (ISO 8601).
        thresholds: rows of name, value, origin.
        loras: one row per LoRA: names, metadata, status, measures, `passes_strength`, `passes_consistency`.
        has_direction: (n,), whether a LoRA has a Direction with a length.
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
    """
    wanted = {"profile_id": profile.profile_id}
    with lake_errors():
        snapshot_id, committed_at = con.execute(_STATE).fetchall()[0]
        thresholds = rows(con, _THRESHOLDS, wanted)
        loras = rows(con, statement("ask/evaluated_loras"), wanted)
        directions = con.execute(statement("ask/evaluated_directions"), wanted).to_arrow_table()
    if not directions.num_rows:
        raise NotFound(
            f"no LoRA is measured under profile {profile.name} yet, so there is nothing to evaluate: run carlos index, "
            "or name another profile with CARLOS_PROFILE"
        )
    vectors = directions["direction"].combine_chunks().flatten().to_numpy().reshape(directions.num_rows, -1)
    with_direction = dict(zip(directions["lora_id"].to_pylist(), vectors, strict=True))
    has_direction = np.array([lora["lora_id"] in with_direction for lora in loras])
    units = np.zeros((len(loras), vectors.shape[1]), np.float32)
    units[has_direction] = vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return Corpus(
        profile, int(snapshot_id), committed_at.isoformat(), tuple(thresholds), tuple(loras), has_direction, units
    )
