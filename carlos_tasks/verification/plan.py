"""What one verification looks at: cut into batches, each an object in the store, so that a killed run goes on."""

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

import duckdb
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from carlos_tasks.errors import CarlosError, NotFound, PermanentError
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.damage import Damage
from carlos_tasks.lake.data_files import data_files
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.seals import read_seals
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import verification_prefix
from carlos_tasks.store.objects import ObjectStore

# Airflow maps over at most 1024 tasks, so that batches grow with the lake.
_MOST_BATCHES = 400
_LORAS, _FILES = 16, 200


class Batch(BaseModel):
    """What one task looks at: LoRAs of a profile, or files that the lake wrote, by their keys.

    `sealed`: the hash that the seals have of each file; one that no seal names is not in it. `damages`: what is wrong
    with the seals themselves, which are read once for all batches.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["loras", "lake"]
    profile_id: str = ""
    items: tuple[str, ...]
    sealed: dict[str, str] = Field(default_factory=dict)
    damages: tuple[Damage, ...] = ()


class Run(BaseModel):
    """A verification that is under way; `key` is where it lies itself, one for each kind of arguments.

    Its batches are objects of their own: a task reads the one that it looks at.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    run_id: str
    share: float
    profile_ids: tuple[str, ...]
    started_at: AwareDatetime
    n_batches: int

    def batch_key(self, number: int) -> str:
        """Where a batch lies."""
        return f"{verification_prefix(self.run_id)}{number:05d}-batch.json"

    def result_key(self, number: int) -> str:
        """Where the findings of a batch lie."""
        return f"{verification_prefix(self.run_id)}{number:05d}.json"


def plan_run(settings: Settings, share: float = 1.0, profiles: Sequence[str] = ()) -> Run:
    """Begin a verification, or go on with the one that was begun with the same arguments and did not end.

    Args:
        share: of the LoRAs, above 0 and up to 1; another run draws others. Of baselines and the lake's own files all
            are looked at.
        profiles: names or ids; none: every profile that is measured here.

    Raises:
        CarlosError: the share is out of range, or a profile is not in the lake.
        NotFound: there is no lake.
    """
    if not 0 < share <= 1:
        raise CarlosError(f"the share of LoRAs to verify is {share:g}: give one above 0 and up to 1")
    store = open_store(settings.store)
    key = _run_key(share, profiles)
    if begun := _begun(store, key):
        return begun
    with connect(settings, read_only=False, create=False) as con, lake_errors():
        with suppress(PermanentError):  # as below: a table cannot be read
            migrate(con)
        run, batches = _new_run(con, store, key, share, profiles)
    for number, batch in enumerate(batches):
        store.write(run.batch_key(number), batch.model_dump_json().encode())
    store.write(key, run.model_dump_json().encode())
    return run


def open_run(store: ObjectStore, key: str) -> Run:
    """Read a run that is under way; NotFound where it has ended."""
    return Run.model_validate_json(store.read(key))


def read_batch(store: ObjectStore, run: Run, number: int) -> Batch:
    """Read one batch of a run; NotFound where the run has ended."""
    return Batch.model_validate_json(store.read(run.batch_key(number)))


def end_run(store: ObjectStore, run: Run) -> None:
    """Forget a run whose findings were recorded."""
    store.delete(run.key)
    for item in list(store.list(verification_prefix(run.run_id))):
        store.delete(item.key)


def _run_key(share: float, profiles: Sequence[str]) -> str:
    asked = hashlib.sha256(json.dumps([share, sorted(profiles)]).encode()).hexdigest()[:16]
    return f"{verification_prefix('under-way')}{asked}.json"


def _begun(store: ObjectStore, key: str) -> Run | None:
    try:
        return open_run(store, key)
    except (NotFound, ValidationError):
        return None


def _new_run(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, key: str, share: float, profiles: Sequence[str]
) -> tuple[Run, list[Batch]]:
    run_id = secrets.token_hex(8)
    profile_ids: list[str] = []
    with suppress(duckdb.Error):  # the batches of the lake's own files say which table cannot be read
        profile_ids = _profile_ids(con, profiles)
    batches: list[Batch] = []
    loras = {profile_id: list(_drawn(_loras(con, profile_id), share, run_id)) for profile_id in profile_ids}
    size = max(_LORAS, sum(map(len, loras.values())) // _MOST_BATCHES + 1)
    for profile_id, lora_ids in loras.items():
        batches += [Batch(kind="loras", profile_id=profile_id, items=some) for some in _cut(lora_ids, size)]
    own = [file.key for file in data_files(con) if file.is_own]
    size = max(_FILES, len(own) // _MOST_BATCHES + 1)
    batches += _of_files(store, own, size)
    run = Run(
        key=key,
        run_id=run_id,
        share=share,
        profile_ids=tuple(profile_ids),
        started_at=datetime.now(UTC),
        n_batches=len(batches),
    )
    return run, batches


def _of_files(store: ObjectStore, keys: Sequence[str], size: int) -> Iterator[Batch]:
    sealed, damages = read_seals(store)
    for number, some in enumerate(_cut(keys, size)):
        hashes = {key: sealed[key].sha256 for key in some if key in sealed}
        yield Batch(kind="lake", items=some, sealed=hashes, damages=() if number else tuple(damages))


def _cut(items: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])


def _profile_ids(con: duckdb.DuckDBPyConnection, profiles: Sequence[str]) -> list[str]:
    known = con.execute("select profile_id, name, origin from core.profile order by profile_id").fetchall()
    for asked in profiles:
        if not any(asked in (profile_id, name) for profile_id, name, _ in known):
            raise CarlosError(f"there is no profile {asked} in the lake: see mart.index_health for those that are")
    return [
        profile_id
        for profile_id, name, origin in known
        if origin != "imported" and (not profiles or profile_id in profiles or name in profiles)
    ]


def _loras(con: duckdb.DuckDBPyConnection, profile_id: str) -> list[str]:
    """The LoRAs of a profile with shards or with a representation; the baseline first."""
    found: list[tuple[str]] = []
    for ours in (
        "select lora_id from core.embedding_shard where profile_id = $1",
        "select lora_id from core.representation where profile_id = $1 and measured <> 'failed'",
    ):
        with suppress(duckdb.Error):  # a table cannot be read: the batches of the lake's own files say which
            found += con.execute(ours, [profile_id]).fetchall()
    ids = {lora_id for (lora_id,) in found}
    return sorted(ids, key=lambda lora_id: (lora_id != "base", lora_id))


def _drawn(lora_ids: Sequence[str], share: float, run_id: str) -> Iterator[str]:
    """A share of the LoRAs, another one in each run; the baseline always."""
    for lora_id in lora_ids:
        place = int.from_bytes(hashlib.sha256(f"{run_id} {lora_id}".encode()).digest()[:8], "big") / 2**64
        if lora_id == "base" or place < share:
            yield lora_id
