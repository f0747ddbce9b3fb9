"""The stages of the nightly index, one function each: DAGs, the command line and tests call the same ones.

    discover ─► ingest ─► commit_intake ─► describe_weights ─► plan ─► make_baseline ─► index_batch × n
                  └─► note_failure ◄─┘                                    ┌───────────────────┘
                                                                     commit_index ─► run_checks, contact_sheet, clean_up

What goes in and out is small: keys and counts, never embeddings. Every stage can be killed at any point and run again.
Only the two commits, `describe_weights` and `note_failure` write to the catalog. `plan` is of all profiles of the
deployment, `make_baseline`, `commit_index` and `contact_sheet` are of the one that their settings ask.

DAG files import this module while Airflow parses them, so what a stage needs is imported when it runs.
"""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.intake.partitions import read_partition
from carlos_tasks.nightly.backlog import backlog, damaged_baselines, drawn_together, thresholds_in_force
from carlos_tasks.nightly.stage_reports import BaselineReport, BatchReport, Failure, Plan
from carlos_tasks.profiles.compared import compared_profiles
from carlos_tasks.profiles.deployment import check_weights, deployed_by_id, image_groups, measured_profiles
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE, outcome_key
from carlos_tasks.worker.plans import Manifest, cut_all, manifests_of, read_manifest, write_manifests

if TYPE_CHECKING:
    from carlos_tasks.commit.index import CommitReport
    from carlos_tasks.commit.weight_sketches import WeightsReport
    from carlos_tasks.intake.commit import IntakeCommit
    from carlos_tasks.intake.discovery import Discovery
    from carlos_tasks.intake.shard_rows import IntakeReport
    from carlos_tasks.lake.checks import CheckFailure
    from carlos_tasks.lake.outcomes import OutcomeRecord

log = logging.getLogger(__name__)

# Airflow maps over at most `[core] max_map_length` = 1024 batches.
MAX_BATCHES = 1000
# Of a task's time: the rest is for starting, loading and the last shard.
_SHARE_OF_TIME = 0.9


def discover(settings: Settings, source_uri: str, again: bool | None = False, *, sweep: bool = False) -> "Discovery":
    """Tell which shards of a source are to be read (`carlos_tasks.intake.discovery.find_new`).

    Args:
        source_uri: e.g. `civitai-dump:s3://bucket/prefix`; a live source is polled into its mirror first.
        again: every shard is to be read, whatever the lake knows of it.
        sweep: reconcile a live source by id, which reads all of it.
    """
    from carlos_tasks.intake.discovery import find_new
    from carlos_tasks.sources import open_source

    return find_new(settings, open_source(source_uri, open_store(settings.store)), sweep=sweep, again=bool(again))


def shard_of(settings: Settings, partition_key: str | None) -> tuple[str, str] | None:
    """Return the source and the shard that a partition names, None for one that only sends the backlog through."""
    from carlos_tasks.intake.discovery import shard_named

    named = read_partition(partition_key)
    if named is None:
        return None
    source_uri, name = named
    return source_uri, shard_named(settings, source_uri, name)


def ingest(settings: Settings, source_uri: str, shard_key: str) -> "IntakeReport":
    """Check every file of one source shard; accepted bytes go to `files/`, refused ones to `quarantine/`."""
    from carlos_tasks.intake.source_intake import ingest_shard
    from carlos_tasks.sources import open_source

    store = open_store(settings.store)
    return ingest_shard(settings, open_source(source_uri, store), shard_key, store)


def commit_intake(settings: Settings, intake_key: str) -> "IntakeCommit":
    """Add one shard's listings, refusals and LoRAs to the lake, in one transaction."""
    from carlos_tasks.intake.commit import commit_intake

    return commit_intake(settings, [intake_key])


def describe_weights(settings: Settings) -> "WeightsReport":
    """Describe the weights of LoRAs that have no sketch yet, and note whom they are near: no picture is needed."""
    from carlos_tasks.commit.weight_sketches import commit_weights

    return commit_weights(settings)


def note_failure(settings: Settings, partition_key: str, failure: Failure) -> None:
    """Note in the lake that the shard of a partition could not be read; the commit that reads it removes the note."""
    from carlos_tasks.intake.shard_failures import put_failure

    if shard := shard_of(settings, partition_key):
        put_failure(settings, *shard, failure.reason, failure.detail)


def plan(settings: Settings) -> Plan:
    """Cut the LoRAs that a profile has no representation of into batches of one profile; store a manifest for each.

    The backlog is read from the lake, never from events: what an earlier night left undone is in it.

    Raises:
        SettingsError: the profiles are not sound together, or nothing can be measured under any of them; or one is
            compared with a profile that it cannot be compared with.
    """
    groups = {next(iter(group)): group for group in image_groups(settings)}  # by the name of the first, which draws
    profiles = [profile for group in groups.values() for profile in group.values()]
    for profile in profiles:
        compared_profiles(profile)  # the commit would find it after the night's work
    waiting = drawn_together(backlog(settings), list(groups.values()))
    ids = {name: [profile.profile_id for profile in group.values()] for name, group in groups.items()}
    named = [i for name, own in waiting.items() for i in (ids[name][0], *(f"{x.lora_id} {x.at_least}" for x in own))]
    plan_id = hashlib.sha256("\n".join(named).encode()).hexdigest()[:16]
    batches = {name: cut for name, cut in cut_all(waiting, settings.loras_per_batch, MAX_BATCHES).items() if cut}
    if not batches:  # only baselines are to be made and committed
        damaged = damaged_baselines(settings)
        batches = {name: [()] for name, group in groups.items() if not group.keys().isdisjoint(damaged)}
    thresholds = thresholds_in_force(settings, profiles) if batches else {}
    keys = write_manifests(
        open_store(settings.store),
        plan_id,
        [
            Manifest(profile_id=ids[name][0], also=tuple(ids[name][1:]), loras=loras, thresholds=thresholds)
            for name in batches
            for loras in batches[name]
        ],
    )
    for name, loras in waiting.items():
        log.info("%d LoRAs wait for %s, at most %d pairs each", len(loras), name, groups[name][name].looks()[-1])
    left = iter(keys)
    planned = {name: tuple(next(left) for _ in cut) for name, cut in batches.items()}
    # Who shares images has no batches of its own, but something to commit.
    shared = {name: planned.get(name, ()) for first in planned for name in groups[first]}
    return Plan(plan_id, shared, sum(map(len, waiting.values())))


def make_baseline(settings: Settings) -> BaselineReport:
    """Make the images of the bare backbone, once per profile.

    Raises:
        SettingsError: the profile's backbone has no weights.
    """
    from carlos_tasks.worker.worker import Worker

    check_weights(settings.model_copy(update={"profiles": ""}))
    (group,) = [group for group in image_groups(settings) if settings.profile in group]
    n_pairs = len(group[settings.profile].pairs())
    if settings.profile != next(iter(group)):
        return BaselineReport(n_pairs, 0)  # drawn with the first of those that share the images
    with progress(f"baseline of {settings.profile}", n_pairs) as advance:
        n_new = Worker(settings, list(group.values()), open_store(settings.store)).make_baseline(advance)
    return BaselineReport(n_pairs, n_new)


def with_baseline(settings: Settings, batches: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the manifests of those profiles of a plan that have a baseline; PermanentError where none has one."""
    store, profiles = open_store(settings.store), measured_profiles(settings)
    lacking = [name for name in batches if not store.exists(outcome_key(profiles[name].profile_id, BASELINE))]
    if lacking:
        log.warning("left out, since their baseline could not be made: %s", ", ".join(lacking))
    if len(lacking) == len(batches):
        raise PermanentError(f"no profile has its baseline: see the log of make_baseline ({', '.join(lacking)})")
    return [key for name, keys in batches.items() if name not in lacking for key in keys]


def index_batch(settings: Settings, manifest_key: str, *, minutes: float | None = None) -> BatchReport:
    """Measure the LoRAs of one manifest, under the profile that it was planned for; what is done already is skipped.

    Args:
        minutes: how long the task may take; it begins no LoRA that would last longer. None: as long as it takes.
    """
    from carlos_tasks.worker.worker import Worker

    store = open_store(settings.store)
    manifest = read_manifest(store, manifest_key)
    try:
        group = [deployed_by_id(settings, profile_id) for profile_id in (manifest.profile_id, *manifest.also)]
    except NotFound as exc:
        raise PermanentError(f"{manifest_key} was planned for another deployment: {exc}") from exc
    worker = Worker(settings, group, store, manifest.thresholds)
    started = time.monotonic()
    ended: list[tuple[OutcomeRecord, ...]] = []
    with progress(manifest_key, len(manifest.loras) * group[0].looks()[-1]) as advance:
        for number, lora in enumerate(manifest.loras):
            taken = time.monotonic() - started
            if minutes is not None and number and taken + taken / number > 60 * minutes * _SHARE_OF_TIME:
                log.warning("%d LoRAs wait for the next plan: the task's time is over", len(manifest.loras) - number)
                break
            ended.append(worker.index(lora, advance))
    outcomes = [outcome for of_lora in ended for outcome in of_lora]
    return BatchReport(
        lora_ids=tuple(of_lora[0].lora_id for of_lora in ended),
        embedded=sum(outcome.status == "embedded" for outcome in outcomes),
        unpatched=sum(outcome.status == "unpatched" for outcome in outcomes),
        failed=sum(outcome.status == "failed" for outcome in outcomes),
        copied=sum(outcome.copied_from is not None for outcome in outcomes),
        images=sum(max((o.n_pairs for o in of_lora if o.copied_from is None), default=0) for of_lora in ended),
        left=len(manifest.loras) - len(ended),
        seconds=round(time.monotonic() - started, 1),
    )


def commit_index(settings: Settings, plan_id: str) -> "CommitReport":
    """Register the finished shards of a plan and insert their representations, in one transaction for a profile."""
    from carlos_tasks.commit.index import commit_index

    profile = load_profile(settings.profile)
    manifests = manifests_of(open_store(settings.store), plan_id, profile.profile_id)
    planned = [lora.lora_id for manifest in manifests for lora in manifest.loras]
    return commit_index(settings, profile, [outcome_key(profile.profile_id, lora_id) for lora_id in planned])


def run_checks(settings: Settings) -> list["CheckFailure"]:
    """Run `sql/checks`, and hold what was decided against its chain; returns what should not be there."""
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.checks import run_checks
    from carlos_tasks.lake.faults import lake_errors
    from carlos_tasks.ledger.verify import chain_check

    with connect(settings) as con, lake_errors():
        broken = chain_check(con)
        return [*run_checks(con), *([broken] if broken else [])]


def clean_up(settings: Settings) -> list[str]:
    """Merge small files and renew the copy for rankings, where that pays; remove what nobody needs, return its URLs."""
    from carlos_tasks.care.clean_up import clean_up
    from carlos_tasks.care.compaction import compact
    from carlos_tasks.lake.representation_copy import renew_copy

    compact(settings)
    renew_copy(settings)
    return clean_up(settings)


def contact_sheet(settings: Settings) -> str:
    """Draw the contact sheet of the profile and return its key."""
    from carlos_tasks.reports.contact_sheet import write_contact_sheet

    return write_contact_sheet(settings, load_profile(settings.profile))
