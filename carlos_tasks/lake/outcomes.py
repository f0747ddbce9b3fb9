"""Outcome files: how the attempt on one LoRA ended, as a worker leaves it in object storage."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from carlos_tasks.errors import DamagedObject
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.shards import ShardFile
from carlos_tasks.store.keys import outcome_key, parse_outcome_key, parse_shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.untrusted.text import clean_line

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
        ("open", pa.list_(pa.string())),
        ("full_cosine_lower", pa.float64()),
        ("strength_error", pa.float64()),
    ]
)


#: An outcome above this size is none: one of 100,000 shards has about 20 MB.
MAX_OUTCOME_BYTES = 32 * 2**20
# core.outcome counts in 32 bits.
_Count = Annotated[int, Field(ge=0, lt=2**31)]
_Text = Annotated[str, Field(max_length=10_000)]


class OutcomeRecord(BaseModel):
    """One outcome file. `shards` names every shard of an embedded LoRA; `n_pairs` counts flagged pairs too.

    The baseline has one as well (`lora_id = 'base'`). `measure_key` is that of the plan (`core.measure_key`).
    `copied_from`: the LoRA whose embeddings and images these are, where none was drawn with this one. `open`: what
    these pairs do not settle yet, of direction, strength and status; `full_cosine_lower` and `strength_error` say how
    far they do (`representation.settled.Look`). Files of an older version have none of these: they hold all pairs of
    the profile. Still older ones name their shards without hash and size. `seconds`: where one pass measured several
    profiles, an equal share of its time, so that they add up.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    profile_id: str
    lora_id: str
    status: Literal["embedded", "unpatched", "failed"]
    reason: _Text | None = None
    detail: _Text | None = None
    shards: tuple[ShardFile, ...] = ()
    n_pairs: _Count = 0
    modules_saved: _Count | None = None
    modules_patched: _Count | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    attempted_at: AwareDatetime
    code_version: _Text | None = None
    measure_key: _Text | None = None
    copied_from: _Text | None = None
    open: tuple[_Text, ...] = ()
    full_cosine_lower: Annotated[float, Field(ge=-1, le=1)] | None = None
    strength_error: Annotated[float, Field(ge=0)] | None = None

    @field_validator("shards", mode="before")
    @classmethod
    def _named_by_key_alone(cls, value: object) -> object:
        if not isinstance(value, list | tuple):
            return value
        return [{"key": item} if isinstance(item, str) else item for item in value]

    @field_validator("attempted_at")
    @classmethod
    def _is_of_our_time(cls, value: datetime) -> datetime:
        if not 2000 <= value.year <= 2999:
            raise ValueError(f"an attempt of the year {value.year}")
        return value

    @model_validator(mode="after")
    def _shards_are_its_own(self) -> "OutcomeRecord":
        for shard in self.shards:
            if parse_shard_key(shard.key)[:2] != (self.profile_id, self.lora_id):
                raise ValueError(f"{shard.key} is no shard of this LoRA and profile")
        if len({shard.key for shard in self.shards}) < len(self.shards):
            raise ValueError("it names a shard twice")
        return self

    @property
    def is_sealed(self) -> bool:
        """Whether it names hash and size of each of its shards."""
        return all(shard.sha256 is not None and shard.size_bytes is not None for shard in self.shards)

    def failed(self, reason: str, detail: str) -> "OutcomeRecord":
        """Return this attempt as failed for a reason that shows only at the commit."""
        return self.model_copy(update={"status": "failed", "reason": reason, "detail": detail, "shards": ()})


def unreadable_attempt(damage: Damage, attempted_at: datetime) -> OutcomeRecord:
    """The attempt of which there is an outcome that cannot be read, as failed; its time is that of the object."""
    return OutcomeRecord(
        profile_id=damage.profile_id,
        lora_id=damage.lora_id,
        status="failed",
        reason=damage.fault,
        detail=damage.detail,
        attempted_at=attempted_at,
    )


def write_outcome(store: ObjectStore, outcome: OutcomeRecord) -> None:
    """Record an outcome: the last thing that a worker writes of a LoRA."""
    store.write(outcome_key(outcome.profile_id, outcome.lora_id), outcome.model_dump_json().encode())


def read_outcome(store: ObjectStore, key: str, profile_id: str) -> OutcomeRecord:
    """Read and check one outcome file.

    Raises:
        NotFound: it is not there.
        DamagedObject: it is no outcome, or that of another LoRA or profile.
    """
    if (size := store.info(key).size) > MAX_OUTCOME_BYTES:
        raise DamagedObject(Fault.OUTCOME_UNREADABLE, f"the outcome has {size} bytes")
    try:
        outcome = OutcomeRecord.model_validate_json(store.read(key))
    except ValidationError as exc:
        where = ".".join(map(str, exc.errors()[0]["loc"]))
        said = clean_line(f"{where}: {exc.errors()[0]['msg']}")[:300]
        raise DamagedObject(Fault.OUTCOME_UNREADABLE, f"{key} is no outcome: {said}") from exc
    if (outcome.profile_id, outcome.lora_id) != (profile_id, parse_outcome_key(key)[1]):
        of = clean_line(f"LoRA {outcome.lora_id[:128]}, profile {outcome.profile_id[:128]}")
        raise DamagedObject(Fault.OUTCOME_MISPLACED, f"{key} is the outcome of {of}")
    return outcome


def outcome_table(outcomes: Iterable[OutcomeRecord]) -> pa.Table:
    """Return the outcomes with the columns of core.outcome."""
    rows = [outcome.model_dump(include=set(OUTCOME_SCHEMA.names)) for outcome in outcomes]
    for row in rows:
        moment: datetime = row["attempted_at"]
        row["attempted_at"] = moment.astimezone(UTC)
    return pa.Table.from_pylist(rows, schema=OUTCOME_SCHEMA)
