"""What one commit of the index has to do: everything that arrived is checked here, before its transaction begins."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb

from carlos_tasks.commit.arrivals import Arrivals, check_arrivals
from carlos_tasks.commit.baseline import Baseline, check_baseline
from carlos_tasks.commit.damages import damaged_loras
from carlos_tasks.commit.known_shards import check_known
from carlos_tasks.commit.prompt_difference import forget_prompt_differences, lacking_loras
from carlos_tasks.errors import NotFound
from carlos_tasks.lake.damage import Damage
from carlos_tasks.lake.manifest import forget_shards, known_shards
from carlos_tasks.lake.measurement import CheckedShard, ProfilePairs, faults_by_lora
from carlos_tasks.lake.outcomes import OutcomeRecord, unreadable_attempt
from carlos_tasks.store.keys import BASELINE
from carlos_tasks.store.objects import ObjectStore

if TYPE_CHECKING:
    from carlos_tasks.profiles.profile import Profile


@dataclass
class Work:
    """What one commit has to do, after everything that arrived was checked.

    attempts: rows of core.outcome. measured: those of them that may change a representation. shards: whole ones, to
    put into the lake. again: LoRAs that have a representation and are measured once more. repaired: LoRAs, or the
    baseline, that have an open finding and are whole again. lacking: LoRAs of which an older version, or damage, left a
    representation without differences by prompt, with the keys of their shards. known: `measured` by lora_id, as it
    stands.
    """

    baseline: Baseline
    known: dict[str, str]
    damages: list[Damage] = field(default_factory=list)
    attempts: list[OutcomeRecord] = field(default_factory=list)
    measured: list[OutcomeRecord] = field(default_factory=list)
    shards: list[CheckedShard] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    lacking: dict[str, list[str]] = field(default_factory=dict)

    def keys(self) -> dict[str, list[str]]:
        """By lora_id, the baseline's among them: keys of its whole shards."""
        found: dict[str, list[str]] = {}
        for shard in self.shards:
            found.setdefault(shard.identity.lora_id, []).append(shard.file.key)
        return found


def prepare(con: duckdb.DuckDBPyConnection, store: ObjectStore, profile: "Profile", arrived: Arrivals) -> Work:
    """Check everything that this commit depends on; reads shards, writes nothing."""
    profile_id, pairs = profile.profile_id, ProfilePairs.of_profile(profile)
    ids = [*arrived.outcomes, *(damage.lora_id for damage in arrived.damages)]
    represented = con.execute(
        "select lora_id, measured, coalesce(n_pairs + n_flagged, 0) from core.representation "
        "where profile_id = $1 and lora_id in (select unnest($2::varchar[]))",
        [profile_id, ids],
    ).fetchall()
    known = {lora_id: measured for lora_id, measured, _ in represented}
    n_known = {lora_id: n_pairs for lora_id, _, n_pairs in represented}
    damaged = damaged_loras(con, profile_id, [BASELINE, *ids])
    work = Work(check_baseline(con, store, profile_id, pairs), known)
    if work.baseline.damages:
        work.damages = [*work.baseline.damages]
        return work
    # 'failed' is not final: a later attempt may do better. Nor is a measurement: more pairs may have come.
    new = [
        lora_id
        for lora_id, outcome in arrived.outcomes.items()
        if known.get(lora_id, "failed") == "failed" or lora_id in damaged or outcome.n_pairs > n_known[lora_id]
    ]
    check_arrivals(store, arrived, new, pairs)
    faults = faults_by_lora(arrived.damages)
    work.damages = arrived.damages
    work.measured = [arrived.outcomes[lora_id] for lora_id in new if lora_id not in faults]
    work.attempts = work.measured + [
        _spoilt_attempt(store, arrived.outcomes.get(lora_id), found[0]) for lora_id, found in faults.items()
    ]
    work.shards = work.baseline.shards + [shard for shards in arrived.shards.values() for shard in shards]
    work.again = [o.lora_id for o in work.measured if known.get(o.lora_id, "failed") != "failed"]
    measured = {o.lora_id for o in work.measured}
    work.repaired = sorted(damaged & {BASELINE, *measured})
    if lacking := [lora_id for lora_id in lacking_loras(con, profile_id) if lora_id not in measured]:
        # An older version committed these: one that cannot be read any more must not end the commit of all others.
        found = check_known(con, store, pairs, profile_id, lacking)
        unsound = faults_by_lora(found.damages)
        for shard in found.shards:
            if shard.identity.lora_id not in unsound:
                work.lacking.setdefault(shard.identity.lora_id, []).append(shard.file.key)
        work.damages = work.damages + found.damages
    return work


def _spoilt_attempt(store: ObjectStore, outcome: OutcomeRecord | None, damage: Damage) -> OutcomeRecord:
    if outcome is not None:
        return outcome.failed(damage.fault, damage.detail)
    try:
        return unreadable_attempt(damage, store.info(damage.key).last_modified)
    except NotFound:
        return unreadable_attempt(damage, datetime.now(UTC))


def make_place(con: duckdb.DuckDBPyConnection, profile_id: str, work: Work) -> None:
    """Forget what is of another measurement of LoRAs that are measured once more; run it inside a transaction."""
    kept = {file.key for outcome in work.measured if outcome.status == "embedded" for file in outcome.shards}
    known = known_shards(con, profile_id, work.again)
    forget_shards(con, [file.key for files in known.values() for file in files if file.key not in kept])
    forget_prompt_differences(con, profile_id, sorted({*work.again, *work.repaired} - {BASELINE}))
