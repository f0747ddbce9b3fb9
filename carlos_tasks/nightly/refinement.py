"""Measuring some LoRAs with more pairs by hand, in this process; the night measures further by need (`backlog`)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.lora_ids import named_id
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.nightly.backlog import thresholds_in_force
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.worker.plans import LoraTask, Manifest, write_manifests

if TYPE_CHECKING:
    import duckdb

    from carlos_tasks.commit.index import CommitReport
    from carlos_tasks.nightly.stage_reports import BatchReport


@dataclass(frozen=True)
class RefineReport:
    """What measuring some LoRAs further came to."""

    batch: "BatchReport"
    commit: "CommitReport"


def refine(settings: Settings, lora_ids: Sequence[str], to: int | None = None) -> RefineReport:
    """Measure some LoRAs further in this process, and commit what comes of it.

    Args:
        settings: which profile, and where the lake lies.
        lora_ids: whole, or their first digits.
        to: pairs that each is to have at least; None: one look more than it has, and on until it is settled.

    Raises:
        NotFound: one of them is not measured under the profile.
        CarlosError: the profile has no budget or fewer pairs, or a file is not in the store.
    """
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors
    from carlos_tasks.nightly import stages

    profile = load_profile(settings.profile)
    most = profile.looks()[-1]
    if profile.budget is None:
        raise CarlosError(f"profile {profile.name} has no budget: every LoRA has all its {most} pairs")
    if to is not None and not 1 <= to <= most:
        raise CarlosError(f"--to {to}: a LoRA has from 1 to {most} pairs under profile {profile.name}")
    with connect(settings) as con, lake_errors():
        tasks = tuple(_task(con, profile, given, to) for given in dict.fromkeys(lora_ids))
    thresholds = thresholds_in_force(settings, [profile])
    named = "\n".join([profile.profile_id, "refine", *(f"{task.lora_id} {task.at_least}" for task in tasks)])
    plan_id = hashlib.sha256(named.encode()).hexdigest()[:16]
    manifest = Manifest(profile_id=profile.profile_id, loras=tasks, thresholds=thresholds)
    (key,) = write_manifests(open_store(settings.store), plan_id, [manifest])
    stages.make_baseline(settings)
    batch = stages.index_batch(settings, key)
    return RefineReport(batch, stages.commit_index(settings, plan_id))


def _task(con: "duckdb.DuckDBPyConnection", profile: Profile, given: str, to: int | None) -> LoraTask:
    asked = {
        "profile_id": profile.profile_id,
        "given": given.strip().lower(),
        "words": profile.identity.lora.trigger_words,
    }
    found = {row["lora_id"]: row for row in rows(con, statement("ask/nightly/measured_lora"), asked)}
    lora_id = named_id(given, found)
    if lora_id is None:
        raise NotFound(f"no LoRA whose id begins with {given!r} is measured under profile {profile.name}")
    row = found[lora_id]
    if row["file_key"] is None:
        raise CarlosError(f"the file of {lora_id[:12]} is not in the store: take it in again, then refine it")
    return LoraTask(
        lora_id,
        row["file_key"],
        tuple(row["trigger_words"] or ()),
        row["measure_key"],
        stated_scale=row["stated_scale"],
        at_least=row["n_drawn"] + 1 if to is None else to,
    )
