"""Looking at one batch: LoRAs with their shards, outcomes and numbers, or files that the lake wrote."""

import hashlib
from contextlib import suppress

import duckdb
from pydantic import BaseModel, ConfigDict

from carlos_tasks.commit.known_shards import Known, check_known
from carlos_tasks.errors import DamagedObject, NotFound, PassingError
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.data_files import DataFile, data_files
from carlos_tasks.lake.faults import fault_of
from carlos_tasks.lake.manifest import shard_rows
from carlos_tasks.lake.measurement import CheckedShard, ProfilePairs, faults_by_lora, incomplete
from carlos_tasks.lake.outcomes import read_outcome
from carlos_tasks.lake.shards import ShardFile, ShardIdentity
from carlos_tasks.store.keys import BASELINE, outcome_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.threads import at_once
from carlos_tasks.verification.numbers import differing_loras
from carlos_tasks.verification.plan import Batch

#: Tables that a commit computes again from the shards, where one of their files is let go of.
COMPUTED = ("core.representation", "core.prompt_difference")


_LORAS_OF = (
    "select distinct profile_id, lora_id from core.embedding_shard "
    "where snapshot_id between $1 and $2 and lora_id <> $3 order by all"
)


class Unrecorded(BaseModel):
    """A shard that the lake had no hash of: what its bytes are now."""

    model_config = ConfigDict(frozen=True)

    file: ShardFile
    identity: ShardIdentity


class Findings(BaseModel):
    """What one batch found, and how much it looked at."""

    n_loras: int = 0
    n_shards: int = 0
    n_unsealed: int = 0
    n_lake_files: int = 0
    n_lake_files_unsealed: int = 0
    damages: tuple[Damage, ...] = ()
    unrecorded: tuple[Unrecorded, ...] = ()
    lake_keys: tuple[str, ...] = ()  # damaged files of tables that a commit computes again


def look_at(con: duckdb.DuckDBPyConnection, store: ObjectStore, batch: Batch) -> Findings:
    """Look at a batch; reads only."""
    if batch.kind == "lake":
        return _lake_files(con, store, batch)
    try:
        return _loras(con, store, batch)
    except duckdb.Error as exc:
        if isinstance(fault_of(exc), PassingError):
            raise
        # A table that says what the shards should be cannot be read: the batches of the lake's own files say which.
        return Findings()


def _loras(con: duckdb.DuckDBPyConnection, store: ObjectStore, batch: Batch) -> Findings:
    profile_id, lora_ids = batch.profile_id, list(batch.items)
    pairs = _baseline_pairs(con, profile_id)
    known = check_known(con, store, pairs, profile_id, lora_ids)
    damages = list(known.damages)
    sound: dict[str, list[CheckedShard]] = {lora_id: [] for lora_id in lora_ids}
    for shard in known.shards:
        sound[shard.identity.lora_id].append(shard)
    hurt = faults_by_lora(damages)
    for lora_id in (lora_id for lora_id in lora_ids if lora_id not in hurt):
        damages += _outcome(store, profile_id, lora_id, sound[lora_id], pairs)
    hurt = faults_by_lora(damages)
    whole = [lora_id for lora_id in lora_ids if lora_id not in hurt and lora_id != BASELINE]
    if _baseline_is_whole(con, store, profile_id, pairs):
        damages += differing_loras(con, profile_id, whole)
    return Findings(
        n_loras=len(lora_ids),
        n_shards=len(known.shards) + len(known.damages),
        n_unsealed=sum(not _is_sealed(shard, known) for shard in known.shards),
        damages=tuple(damages),
        unrecorded=tuple(
            Unrecorded(file=shard.file, identity=shard.identity)
            for shard in known.shards
            if shard.file.key in known.unrecorded
        ),
    )


def _baseline_is_whole(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, profile_id: str, pairs: ProfilePairs
) -> bool:
    """Whether numbers can be computed anew: beside a damaged baseline those of every LoRA would differ."""
    return not check_known(con, store, pairs, profile_id, [BASELINE]).damages


def _is_sealed(shard: CheckedShard, known: Known) -> bool:
    return shard.is_sealed and shard.file.key not in known.unrecorded


def _baseline_pairs(con: duckdb.DuckDBPyConnection, profile_id: str) -> ProfilePairs:
    """The pairs that the baseline has in the lake; its own shards are verified like any other."""
    try:
        with shard_rows(con, profile_id, [BASELINE]):
            found = con.execute("select distinct prompt_id, seed from shard_row").fetchall()
    except duckdb.Error:
        found = []  # one of its shards cannot be read, which is a finding of its own
    return ProfilePairs(found)


def _outcome(
    store: ObjectStore, profile_id: str, lora_id: str, shards: list[CheckedShard], pairs: ProfilePairs
) -> list[Damage]:
    """Hold a LoRA's outcome against the shards that the lake has of it."""
    key = outcome_key(profile_id, lora_id)
    try:
        outcome = read_outcome(store, key, profile_id)
    except NotFound:
        if lora_id == BASELINE:
            return []  # an older version left none
        return [Damage(profile_id, lora_id, key, Fault.OUTCOME_MISSING, "the outcome is not in the store")]
    except DamagedObject as exc:
        return [Damage(profile_id, lora_id, key, Fault(exc.fault), exc.detail)]
    named = {file.key: file.sha256 for file in outcome.shards} if outcome.status == "embedded" else {}
    held = {shard.file.key: shard.file.sha256 for shard in shards}
    if named.keys() != held.keys() or any(sha and sha != held[its] for its, sha in named.items()):
        detail = f"it names {len(named)} shards, and the lake has {len(held)}, or others"
        return [Damage(profile_id, lora_id, key, Fault.OUTCOME_DIFFERS, detail)]
    if shards and pairs.all and (damage := incomplete((profile_id, lora_id), key, shards, pairs, outcome.n_pairs)):
        return [damage]
    return []


def _lake_files(con: duckdb.DuckDBPyConnection, store: ObjectStore, batch: Batch) -> Findings:
    damages = list(batch.damages)
    wanted = set(batch.items)
    files = [file for file in data_files(con) if file.is_own and file.key in wanted]
    told: set[str] = set()
    with suppress(duckdb.Error):  # its own file may be the damaged one
        told = {key for (key,) in con.execute("select key from core.damage").fetchall()}
    # That a file of the past alone is damaged is told once: nothing is computed from it any more.
    files = [file for file in files if file.is_current or file.key not in told]
    with at_once() as each:
        faults = list(each(lambda file: _file_fault(store, file, batch.sealed.get(file.key)), files))
    again = []
    for file, fault in zip(files, faults, strict=True):
        if fault is None:
            continue
        touched = _touched(con, store, file, *fault)
        damages += touched
        # What LoRAs are known for is computed again; an imported index is not, and what can be read of it stays.
        if file.is_current and touched[0].lora_id:
            again.append(file.key)
    return Findings(
        n_lake_files=len(files),
        n_lake_files_unsealed=sum(file.key not in batch.sealed for file in files),
        damages=tuple(damages),
        lake_keys=tuple(again),
    )


def _file_fault(store: ObjectStore, file: DataFile, sealed: str | None) -> tuple[Fault, str] | None:
    try:
        data = store.read(file.key)
    except NotFound:
        return Fault.LAKE_FILE_MISSING, f"a file of {file.table}, of snapshot {file.begin}, is not in the store"
    sha256 = hashlib.sha256(data).hexdigest()
    if len(data) != file.size_bytes or (sealed and sha256 != sealed):
        was = f", not {sealed}" if sealed else ""
        size = f"{len(data)} bytes, not {file.size_bytes}" if len(data) != file.size_bytes else f"{len(data)} bytes"
        detail = f"a file of {file.table}, of snapshot {file.begin}, has {size}, with SHA-256 {sha256}{was}"
        return Fault.LAKE_FILE_DAMAGED, detail
    return None


def _touched(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, file: DataFile, fault: Fault, detail: str
) -> list[Damage]:
    """One finding for each LoRA that has rows in a file, as far as that can be told without reading it."""
    key = file.key
    parts = dict(part.split("=", 1) for part in key.split("/") if "=" in part)
    if "lora_id" in parts:
        return [Damage(parts["profile_id"], parts["lora_id"], key, fault, detail)]
    if file.table in COMPUTED and file.is_current:
        # A file that was written anew, since rows of it were deleted, has rows of any night before.
        for first in (file.begin, 0):
            loras = con.execute(_LORAS_OF, [first, file.last, BASELINE]).fetchall()
            if loras:
                return [Damage(profile_id, lora_id, key, fault, detail) for profile_id, lora_id in loras]
    return [Damage("", "", key, fault, detail)]
