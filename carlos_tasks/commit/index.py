"""The commit of what the workers measured (that of an intake is `intake_commit`): one transaction and one snapshot.

Nothing here computes an image or reads a LoRA file: keys come in, rows go into the catalog. A second commit of the
same keys changes nothing and makes no snapshot. One commit runs at a time (Airflow pool `lake_commit`); where two meet
all the same, the later one fails with PassingError and is run again.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.commit.alike import add_alike, forget_alike
from carlos_tasks.commit.arrivals import read_arrivals
from carlos_tasks.commit.damages import (
    add_damages,
    given_up,
    resolve_damages,
    retire,
)
from carlos_tasks.commit.representations import add_measured, measured_loras
from carlos_tasks.commit.thresholds import calibrate_where_unset
from carlos_tasks.commit.work import Work, make_place, prepare
from carlos_tasks.errors import PassingError, PermanentError, ProfileMismatch
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.damage import Damage
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.manifest import record_shards
from carlos_tasks.lake.measurement import faults_by_lora
from carlos_tasks.lake.outcomes import OutcomeRecord, outcome_table
from carlos_tasks.lake.register import register_profile, registered
from carlos_tasks.lake.representation_copy import void_copy
from carlos_tasks.lake.row_groups import keep_row_groups_small
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.retrieval.stored_queries import commit_queries
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.store.objects import ObjectStore

__all__ = ["CommitReport", "commit_index", "run_statement"]

if TYPE_CHECKING:
    from carlos_tasks.profiles.profile import Profile

log = logging.getLogger(__name__)

# Rows in a row group. Of core.prompt_difference the fewest that DuckDB writes: some of the LoRAs of a commit. Of
# core.representation 16 MB of Directions, so that who asks for one row of a merged file does not read them all.
_ROWS_TOGETHER = {"core.prompt_difference": "2048", "core.representation": "8192"}


@dataclass(frozen=True)
class CommitReport:
    """What the commit of an index run added; `statuses` counts the new representations by `measured`.

    `damaged`: LoRAs whose outcome or shards are not what they should be, with the fault; they wait for the next night.
    """

    snapshot_id: int
    n_representations: int
    n_embeddings: int
    statuses: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


def commit_index(settings: Settings, profile: "Profile", outcome_keys: Sequence[str]) -> CommitReport:
    """Put finished shards into the lake, record the attempts and insert the representations.

    A LoRA that has a representation is left as it is, unless that says 'failed' and a later attempt did not fail, or
    something of it was found damaged. A LoRA whose outcome or shards are not what they should be is recorded as failed
    and as damaged, its objects are moved aside, and the others go on; one without an outcome waits.

    Args:
        settings: where the lake lies.
        profile: the profile that the outcomes belong to; it is registered where it is new.
        outcome_keys: keys of outcome files, in any order; one may stand twice.

    Raises:
        ProfileMismatch: a key is of another profile, or there is no baseline.
        PermanentError: the baseline is damaged: that is recorded, and nothing else.
        PassingError: another commit came in between, or catalog or storage did not answer.
    """
    store = open_store(settings.store)
    arrived = read_arrivals(store, profile.profile_id, outcome_keys)
    if arrived.unfinished:
        n_planned = len(set(outcome_keys))
        log.warning("%d of %d LoRAs are not finished; they stay in the backlog", len(arrived.unfinished), n_planned)
    facts: dict[str, object] = {"profile_id": profile.profile_id}
    with connect(settings, read_only=False) as con, lake_errors():
        migrate(con)
        for table, n_rows in _ROWS_TOGETHER.items():
            keep_row_groups_small(con, table, parquet_row_group_size=n_rows)
        prepared_at = snapshot_id(con)
        work = prepare(con, store, profile, arrived)
        with transaction(con, "index", facts):
            if snapshot_id(con) != prepared_at:
                raise PassingError("another commit came in between; nothing was committed, run this one again")
            n_embeddings, statuses = _commit_index(con, store, profile, work)
            facts |= {"n_embeddings": n_embeddings, "statuses": statuses, "n_damaged": len(work.damages)}
        newest = snapshot_id(con)
        retire(store, work.damages)
    damaged = {lora_id: str(found[0].fault) for lora_id, found in faults_by_lora(work.damages).items()}
    for damage in work.damages:
        log.warning("%s: %s: %s", damage.lora_id[:12], damage.fault, damage.detail)
    if work.baseline.damages:
        raise _baseline_damaged(profile, work.baseline.damages, len(arrived.outcomes))
    return CommitReport(newest, sum(statuses.values()), n_embeddings, statuses, damaged)


def _baseline_damaged(profile: "Profile", damages: list[Damage], n_waiting: int) -> PermanentError:
    return PermanentError(
        f"the baseline of profile {profile.name} is damaged ({damages[0].fault}: {damages[0].detail}); "
        f"{n_waiting} LoRAs wait for it, and nothing of them was committed. Run the index again: it makes the rest"
    )


def _commit_index(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, profile: "Profile", work: Work
) -> tuple[int, dict[str, int]]:
    register_profile(con, profile)
    make_place(con, profile.profile_id, work)
    n_embeddings = record_shards(con, work.shards, snapshot_id(con) + 1)
    with registered(con, "attempts", outcome_table(work.attempts)):
        run_statement(con, "add_outcomes")
    add_damages(con, work.damages, "commit")
    if work.baseline.damages:
        return 0, {}
    before = _directions(con, profile.profile_id, work.again)
    changed = [o for o in work.measured if o.lora_id in work.again or work.known.get(o.lora_id) != o.status]
    changed += _given_up(con, profile.profile_id, work)
    statuses = _insert_representations(con, store, profile.profile_id, work, changed)
    resolve_damages(con, profile.profile_id, work.repaired)
    after = _directions(con, profile.profile_id, work.again)
    forget_alike(con, profile.profile_id, [lora_id for lora_id in before if before[lora_id] != after.get(lora_id)])
    add_alike(con, profile.profile_id)
    calibrate_where_unset(con, profile.profile_id)
    commit_queries(con, store, text_space_id(profile))
    return n_embeddings, statuses


def _given_up(con: duckdb.DuckDBPyConnection, profile_id: str, work: Work) -> list[OutcomeRecord]:
    """The attempts that were spoilt once too often: their LoRAs have failed, and wait no longer."""
    faults = faults_by_lora(work.damages)
    spoilt = {o.lora_id: o for o in work.attempts if o.lora_id in faults}
    if not spoilt:
        return []
    return [
        spoilt[lora_id] for lora_id in given_up(con, profile_id, list(spoilt)) if work.known.get(lora_id) != "failed"
    ]


def _directions(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> dict[str, object]:
    if not lora_ids:
        return {}
    return dict(
        con.execute(
            "select lora_id, direction from core.representation "
            "where profile_id = $1 and list_contains($2::varchar[], lora_id)",
            [profile_id, list(lora_ids)],
        ).fetchall()
    )


def _insert_representations(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, profile_id: str, work: Work, outcomes: list[OutcomeRecord]
) -> dict[str, int]:
    """Insert what these attempts came to, and the differences by prompt that are lacking; how many by `measured`."""
    # A failed attempt may be followed by another one; its row then makes place.
    if any(o.lora_id in work.known for o in outcomes):
        con.execute(
            "delete from core.representation where profile_id = $1 and list_contains($2::varchar[], lora_id)",
            [profile_id, [o.lora_id for o in outcomes]],
        )
        if any(work.known.get(o.lora_id) == "measured" for o in outcomes):
            void_copy(con)
    embedded = [o for o in outcomes if o.status == "embedded"]
    keys = work.keys()
    shards = {o.lora_id: keys.get(o.lora_id, []) for o in embedded}
    found = measured_loras(store, keys.get(BASELINE, []), shards | work.lacking)
    measured = add_measured(con, profile_id, found, represented=work.lacking, attempts=embedded)
    _check_pairs(profile_id, embedded, measured)
    rest = [o for o in outcomes if o.status != "embedded"]
    _insert_unmeasured(con, rest)
    return dict(sorted(Counter([row["measured"] for row in measured] + [o.status for o in rest]).items()))


def _insert_unmeasured(con: duckdb.DuckDBPyConnection, outcomes: list[OutcomeRecord]) -> None:
    if not outcomes:
        return
    columns = {
        "profile_id": [o.profile_id for o in outcomes],
        "lora_id": [o.lora_id for o in outcomes],
        "measured": [o.status for o in outcomes],
    }
    with registered(con, "unmeasured", pa.table(columns)):
        run_statement(con, "insert_unmeasured")


def _check_pairs(profile_id: str, embedded: list[OutcomeRecord], measured: list[Row]) -> None:
    """Refuse the commit when a LoRA's images have no baseline beside them: all of the profile would be wrong."""
    paired = {row["lora_id"]: row["n_pairs"] + row["n_flagged"] for row in measured}
    lonely = {o.lora_id: o.n_pairs - paired.get(o.lora_id, 0) for o in embedded}
    worst = [f"{lora_id[:12]} ({n})" for lora_id, n in lonely.items() if n]
    if worst:
        raise ProfileMismatch(f"LoRAs with pairs that have no baseline in profile {profile_id}: {', '.join(worst[:5])}")
