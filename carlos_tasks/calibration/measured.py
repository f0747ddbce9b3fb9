"""What an attribution compares: the measured LoRAs of one profile, read once from one state of the lake."""

from dataclasses import dataclass
from functools import cached_property

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.calibration.similarity import Field
from carlos_tasks.errors import NothingMeasured
from carlos_tasks.lake.directions import direction_matrix, per_length
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.profiles.profile import Profile


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
    loras = rows(con, statement("ask/calibration/attributed_loras"), {"profile_id": profile.profile_id})
    units, lengths = direction_matrix(con, profile.profile_id, [lora["lora_id"] for lora in loras])
    units *= per_length(lengths)[:, None]
    has_direction = lengths > 0
    if not has_direction.any():
        raise NothingMeasured(
            f"no LoRA is measured under profile {profile.name} yet, so there is nothing to compare: run carlos index, "
            "or name another profile with CARLOS_PROFILE"
        )
    if not has_direction.all():
        units = units[has_direction]
        loras = [lora for lora, is_there in zip(loras, has_direction.tolist(), strict=True) if is_there]
    return Measured(loras, Field.of(units))
