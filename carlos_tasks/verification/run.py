"""Running a verification: each batch leaves its findings in the store, and one commit records them all.

    plan ─► verify_batch × n ─► record

A batch that has its findings is not looked at again, so a run that was killed goes on where it was.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import ValidationError

from carlos_tasks.aliases import Row
from carlos_tasks.commit.damages import add_damages, retire
from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.damage import Damage, Fault
from carlos_tasks.lake.data_files import let_go
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.manifest import record_shards
from carlos_tasks.lake.measurement import CheckedShard
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.verification.batch import COMPUTED, Findings, look_at
from carlos_tasks.verification.plan import Run, end_run, plan_run, read_batch

_COUNTS = ("n_loras", "n_shards", "n_unsealed", "n_lake_files", "n_lake_files_unsealed")


@dataclass(frozen=True)
class VerificationReport:
    """What a verification looked at, and what it found; `damages` are rows of lora_id, profile_id, key, fault, detail.

    `n_unsealed`: shards whose maker recorded no hash, as those of an older version; they were decoded, and what their
    bytes are now is recorded. `n_lake_files_unsealed`: files of the lake that no seal names.
    """

    run_id: str
    n_loras: int
    n_shards: int
    n_unsealed: int
    n_lake_files: int
    n_lake_files_unsealed: int
    n_faults: int
    damages: tuple[Row, ...] = field(default_factory=tuple)


def verify(settings: Settings, share: float = 1.0, profiles: Sequence[str] = ()) -> VerificationReport:
    """Verify the lake in this process, or go on with a run that was killed; its findings are recorded.

    Raises:
        CarlosError, NotFound: as `plan_run`.
        PassingError: catalog or storage did not answer; run it again, and it goes on.
    """
    run = plan_run(settings, share, profiles)
    with progress("verify", run.n_batches) as advance:
        for number in range(run.n_batches):
            verify_batch(settings, run, number)
            advance(1)
    return record(settings, run)


def verify_batch(settings: Settings, run: Run, number: int) -> Findings:
    """Look at one batch of a run, and leave its findings in the store; one that has them is left as it is."""
    store = open_store(settings.store)
    key = run.result_key(number)
    try:
        return Findings.model_validate_json(store.read(key))
    except (NotFound, ValidationError):
        batch = read_batch(store, run, number)
        with connect(settings) as con, lake_errors():
            found = look_at(con, store, batch)
    store.write(key, found.model_dump_json().encode())
    return found


def record(settings: Settings, run: Run) -> VerificationReport:
    """Record what the batches of a run found, in one commit, and move aside what is damaged."""
    store = open_store(settings.store)
    found = [verify_batch(settings, run, number) for number in range(run.n_batches)]
    damages = list(dict.fromkeys(damage for part in found for damage in part.damages))
    counts: dict[str, int] = {name: sum(getattr(part, name) for part in found) for name in _COUNTS}
    counts["n_faults"] = len(damages)
    facts: dict[str, object] = {"run_id": run.run_id, **counts}
    with (
        _or_what_is_broken(store, run, damages),
        connect(settings, read_only=False, create=False) as con,
        lake_errors(),
    ):
        migrate(con)
        with transaction(con, "verify", facts):
            add_damages(con, damages, "verify")
            unrecorded = [CheckedShard(u.file, u.identity, is_sealed=False) for part in found for u in part.unrecorded]
            record_shards(con, unrecorded, snapshot_id(con) + 1)
            run_statement(
                con,
                "add_verification",
                {
                    **counts,
                    "run_id": run.run_id,
                    "share": run.share,
                    "profile_ids": list(run.profile_ids),
                    "started_at": run.started_at,
                    "ended_at": datetime.now(UTC),
                },
            )
        retire(store, damages)
        lost = {key for part in found for key in part.lake_keys}
        for table in COMPUTED:
            let_go(con, table, sorted(lost))
    end_run(store, run)
    return VerificationReport(run.run_id, **counts, damages=tuple(map(_row, damages)))


@contextmanager
def _or_what_is_broken(store: ObjectStore, run: Run, damages: Sequence[Damage]) -> Iterator[None]:
    """Say which files of the lake are damaged where nothing can be recorded, since a table that takes is among them.

    The run is over then: the next one looks at what was restored.
    """
    try:
        yield
    except PermanentError as exc:
        broken = [damage for damage in damages if damage.fault in (Fault.LAKE_FILE_DAMAGED, Fault.LAKE_FILE_MISSING)]
        if not broken:
            raise
        end_run(store, run)
        named = "; ".join(f"{damage.key}: {damage.detail}" for damage in broken)
        raise PermanentError(
            f"{len(damages)} faults were found, and not recorded, since the lake cannot be written ({exc}). "
            f"Restore these files from a backup: {named}"
        ) from exc


def _row(damage: Damage) -> Row:
    return {
        "lora_id": damage.lora_id,
        "profile_id": damage.profile_id,
        "key": damage.key,
        "fault": str(damage.fault),
        "detail": damage.detail,
    }
