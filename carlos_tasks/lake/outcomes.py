"""Outcome files: how the attempt on one LoRA ended, as a worker leaves it in object storage."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator

from carlos_tasks.errors import PermanentError, ProfileMismatch
from carlos_tasks.store.keys import outcome_key, parse_shard_key
from carlos_tasks.store.objects import ObjectStore

#: Columns of core.outcome.
OUTCOME_SCHEMA: pa.Schema = pa.schema(
    [
        ("profile_id", pa.string()),
        ("lora_id", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("n_pairs", pa.int32()),
        ("modules_saved", pa.int32()),
        ("modules_patched", pa.int32()),
        ("seconds", pa.float64()),
        ("attempted_at", pa.timestamp("us", tz="UTC")),
        ("code_version", pa.string()),
        ("measure_key", pa.string()),
        ("copied_from", pa.string()),
    ]
)


class OutcomeRecord(BaseModel):
    """One outcome file. `shards` names every shard of an embedded LoRA; `n_pairs` counts flagged pairs too.

    `measure_key` is that of the plan (`core.measure_key`). `copied_from`: the LoRA whose shards and images these are,
    where none was drawn with this one. Files of an older version have neither.
    """

    model_config = ConfigDict(frozen=True)

    profile_id: str
    lora_id: str
    status: Literal["embedded", "unpatched", "failed"]
    reason: str | None = None
    detail: str | None = None
    shards: tuple[str, ...] = ()
    n_pairs: int = 0
    modules_saved: int | None = None
    modules_patched: int | None = None
    seconds: float | None = None
    attempted_at: AwareDatetime
    code_version: str | None = None
    measure_key: str | None = None
    copied_from: str | None = None

    @model_validator(mode="after")
    def _shards_are_its_own(self) -> "OutcomeRecord":
        for key in self.shards:
            if parse_shard_key(key)[:2] != (self.profile_id, self.lora_id):
                raise ValueError(f"{key} is no shard of this LoRA and profile")
        return self

    def failed(self, reason: str, detail: str) -> "OutcomeRecord":
        """Return this attempt as failed for a reason that shows only at the commit."""
        return self.model_copy(update={"status": "failed", "reason": reason, "detail": detail, "shards": ()})


def write_outcome(store: ObjectStore, outcome: OutcomeRecord) -> None:
    """Record an outcome: the last thing that a worker writes of a LoRA."""
    store.write(outcome_key(outcome.profile_id, outcome.lora_id), outcome.model_dump_json().encode())


def read_outcome(store: ObjectStore, key: str, profile_id: str) -> OutcomeRecord:
    """Read and check one outcome file.

    Raises:
        NotFound: it is not there.
        ProfileMismatch: it belongs to another profile.
        PermanentError: it is no outcome.
    """
    try:
        outcome = OutcomeRecord.model_validate_json(store.read(key))
    except ValidationError as exc:
        raise PermanentError(f"{key} is no outcome: {exc.errors()[0]['msg']}") from exc
    if outcome.profile_id != profile_id:
        raise ProfileMismatch(f"{key} belongs to profile {outcome.profile_id}, not {profile_id}")
    return outcome


def outcome_table(outcomes: Iterable[OutcomeRecord]) -> pa.Table:
    """Return the outcomes with the columns of core.outcome."""
    rows = [outcome.model_dump(include=set(OUTCOME_SCHEMA.names)) for outcome in outcomes]
    for row in rows:
        moment: datetime = row["attempted_at"]
        row["attempted_at"] = moment.astimezone(UTC)
    return pa.Table.from_pylist(rows, schema=OUTCOME_SCHEMA)
