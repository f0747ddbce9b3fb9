"""What an attribution compares: the measured LoRAs of one profile, read once from one state of the lake."""

from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np

from carlos_tasks.calibration.similarity import Field, Floats
from carlos_tasks.errors import NothingMeasured, ProfileMismatch
from carlos_tasks.lake.statements import Row, rows, statement
from carlos_tasks.profiles.profile import Profile

_BATCH = 8192


@dataclass(frozen=True, eq=False)
class Measured:
    """The LoRAs of a profile that have a Direction, sorted by lora_id.

    Attributes:
        loras: one row each: lora_id, status, strength, consistency and their errors, direction_cosine_lower, n_pairs,
            n_prompts.
        field: their Directions, unit vectors in the same order.
    """

    loras: list[Row]
    field: Field

    @property
    def lora_ids(self) -> list[str]:
        """The ids, sorted."""
        return [lora["lora_id"] for lora in self.loras]

    @cached_property
    def place(self) -> dict[str, int]:
        """Number of each LoRA by its id."""
        return {lora_id: number for number, lora_id in enumerate(self.lora_ids)}


def read_measured(con: duckdb.DuckDBPyConnection, profile: Profile) -> Measured:
    """Read them; run it inside a transaction, so that both statements see one state.

    Raises:
        NothingMeasured: no LoRA of the profile has a Direction.
        ProfileMismatch: their Directions differ in dimension.
    """
    wanted = {"profile_id": profile.profile_id}
    loras = rows(con, statement("ask/attributed_loras"), wanted)
    places = {lora["lora_id"]: number for number, lora in enumerate(loras)}
    units: Floats = np.zeros((len(loras), 0), np.float32)
    for batch in con.execute(statement("ask/attributed_directions"), wanted).to_arrow_reader(_BATCH):
        directions = batch.column("direction")
        dimensions = set(np.diff(directions.offsets.to_numpy()).tolist()) | ({units.shape[1]} - {0})
        if len(dimensions) > 1:
            raise ProfileMismatch(f"profile {profile.profile_id} holds Directions of {sorted(dimensions)} dimensions")
        if len(batch):
            (dimension,) = dimensions
            units = units if units.shape[1] else np.zeros((len(loras), dimension), np.float32)
            values = directions.flatten().to_numpy(zero_copy_only=False).reshape(-1, dimension)
            units[[places[lora_id] for lora_id in batch.column("lora_id").to_pylist()]] = _units(values)
    has_direction = np.asarray(units.any(axis=1))
    if not has_direction.any():
        raise NothingMeasured(
            f"no LoRA is measured under profile {profile.name} yet, so there is nothing to compare: run carlos index, "
            "or name another profile with CARLOS_PROFILE"
        )
    if not has_direction.all():
        units = units[has_direction]
        loras = [lora for lora, is_there in zip(loras, has_direction.tolist(), strict=True) if is_there]
    return Measured(loras, Field.of(units))


def _units(values: Floats) -> Floats:
    """Vectors at length 1; zeros where one has none, or is not finite."""
    lengths = np.sqrt(np.einsum("ij,ij->i", values, values, dtype=np.float64))
    is_usable = np.isfinite(lengths) & (lengths > 0)
    per_length = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=is_usable)
    return np.where(is_usable[:, None], values * per_length[:, None].astype(np.float32), np.float32(0))
