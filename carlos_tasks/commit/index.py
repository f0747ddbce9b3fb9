"""The commit of what the workers measured (that of an intake is `intake_commit`): one transaction and one snapshot.

Nothing here computes an image or reads a LoRA file: keys come in, rows go into the catalog. A second commit of the
same keys changes nothing and makes no snapshot. One commit runs at a time (Airflow pool `lake_commit`); where two meet
all the same, the later one fails with PassingError and is run again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from carlos_tasks.commit.alike import add_alike
from carlos_tasks.commit.prompt_difference import add_prompt_differences
from carlos_tasks.commit.thresholds import calibrate_where_unset
from carlos_tasks.errors import ProfileMismatch
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.outcomes import OutcomeRecord, outcome_table, read_outcome
from carlos_tasks.lake.register import (
    baseline_shards,
    incomplete_shards,
    register_profile,
    register_shards,
    registered,
    unregistered,
)
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.retrieval.stored_queries import commit_queries
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore

__all__ = ["CommitReport", "commit_index", "run_statement"]

if TYPE_CHECKING:
    from carlos_tasks.profiles.profile import Profile

# LoRAs whose pairs are in memory together: 16 of the paper's profile are about 0.6 GB.
_LORAS_AT_ONCE = 16
_COUNT_BY_MEASURED = """
select measured, count(*)
from core.representation
where profile_id = $1 and list_contains($2, lora_id)
group by measured
order by measured
"""


@dataclass(frozen=True)
class CommitReport:
    """What the commit of an index run added; `statuses` counts the new representations by `measured`."""

    snapshot_id: int
    n_representations: int
    n_embeddings: int
    statuses: dict[str, int] = field(default_factory=dict)


def commit_index(settings: Settings, profile: "Profile", outcome_keys: Sequence[str]) -> CommitReport:
    """Register finished shards, record the attempts and insert the representations.

    A LoRA that has a representation is left as it is, unless that says 'failed' and a later attempt did not fail.
    A LoRA whose shards are not all there is recorded as failed (`shards_incomplete`), and the others go on.

    Args:
        settings: where the lake lies.
        profile: the profile that the outcomes belong to; it is registered where it is new.
        outcome_keys: keys of outcome files, in any order; one may stand twice.

    Raises:
        NotFound: an outcome file is not there.
        ProfileMismatch: an outcome is of another profile, or a LoRA's pairs lack their baseline.
        PassingError: another commit came in between, or catalog or storage did not answer.
    """
    store = open_store(settings.store)
    outcomes = [read_outcome(store, key, profile.profile_id) for key in sorted(set(outcome_keys))]
    facts: dict[str, object] = {"profile_id": profile.profile_id}
    with connect(settings, read_only=False) as con, lake_errors():
        migrate(con)
        with transaction(con, "index", facts):
            n_embeddings, statuses = _commit_index(con, store, profile, outcomes)
            facts |= {"n_embeddings": n_embeddings, "statuses": statuses}
        return CommitReport(snapshot_id(con), sum(statuses.values()), n_embeddings, statuses)


def _commit_index(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, profile: "Profile", outcomes: list[OutcomeRecord]
) -> tuple[int, dict[str, int]]:
    register_profile(con, profile)
    known = dict(
        con.execute(
            "select lora_id, measured from core.representation "
            "where profile_id = $1 and lora_id in (select unnest($2::varchar[]))",
            [profile.profile_id, [o.lora_id for o in outcomes]],
        ).fetchall()
    )
    # 'failed' is not final: a later attempt may do better.
    new = [o for o in outcomes if known.get(o.lora_id, "failed") == "failed"]
    faults = incomplete_shards(con, store, [o for o in new if o.status == "embedded"])
    new = [o.failed("shards_incomplete", faults[o.lora_id]) if o.lora_id in faults else o for o in new]
    shards = baseline_shards(store, profile.profile_id) + [key for o in new for key in o.shards]
    n_embeddings = register_shards(con, store, unregistered(con, store, shards))
    with registered(con, "attempts", outcome_table(new)):
        run_statement(con, "add_outcomes")
    changed = [o for o in new if known.get(o.lora_id) != o.status]
    statuses = _insert_representations(con, profile.profile_id, changed)
    add_prompt_differences(con, profile.profile_id)
    add_alike(con, profile.profile_id)
    calibrate_where_unset(con, profile.profile_id)
    commit_queries(con, store, text_space_id(profile))
    return n_embeddings, statuses


def _insert_representations(
    con: duckdb.DuckDBPyConnection, profile_id: str, outcomes: list[OutcomeRecord]
) -> dict[str, int]:
    ids = [o.lora_id for o in outcomes]
    # A failed attempt may be followed by another one; its row then makes place.
    con.execute(
        "delete from core.representation where profile_id = $1 and list_contains($2::varchar[], lora_id)",
        [profile_id, ids],
    )
    embedded = [o for o in outcomes if o.status == "embedded"]
    for start in range(0, len(embedded), _LORAS_AT_ONCE):
        some = [o.lora_id for o in embedded[start : start + _LORAS_AT_ONCE]]
        run_statement(con, "insert_representation", {"profile_id": profile_id, "lora_ids": some})
    rest = [o for o in outcomes if o.status != "embedded"]
    unmeasured = pa.table(
        {
            name: pa.array(values, pa.string())
            for name, values in (
                ("profile_id", [o.profile_id for o in rest]),
                ("lora_id", [o.lora_id for o in rest]),
                ("measured", [o.status for o in rest]),
            )
        }
    )
    with registered(con, "unmeasured", unmeasured):
        run_statement(con, "insert_unmeasured")
    _check_pairs(con, profile_id, embedded)
    return dict(con.execute(_COUNT_BY_MEASURED, [profile_id, ids]).fetchall())


def _check_pairs(con: duckdb.DuckDBPyConnection, profile_id: str, embedded: list[OutcomeRecord]) -> None:
    """Refuse the commit when a LoRA's images have no baseline beside them: all of the profile would be wrong."""
    paired = dict(
        con.execute(
            "select lora_id, n_pairs + n_flagged from core.representation "
            "where profile_id = $1 and lora_id in (select unnest($2::varchar[]))",
            [profile_id, [o.lora_id for o in embedded]],
        ).fetchall()
    )
    lonely = {o.lora_id: o.n_pairs - paired.get(o.lora_id, 0) for o in embedded}
    worst = [f"{lora_id[:12]} ({n})" for lora_id, n in lonely.items() if n]
    if worst:
        raise ProfileMismatch(f"LoRAs with pairs that have no baseline in profile {profile_id}: {', '.join(worst[:5])}")
