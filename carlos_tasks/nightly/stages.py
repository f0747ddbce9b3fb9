"""The stages of the nightly index, one function each: DAGs, the command line and tests call the same ones.

    discover ─► ingest ─► commit_intake ─► describe_weights ─► plan ─► make_baseline ─► index_batch × n
                  └─► note_failure ◄─┘                                    ┌───────────────────┘
                                                                     commit_index ─► run_checks, contact_sheet, clean_up

What goes in and out is small: keys and counts, never embeddings. Every stage can be killed at any point and run again.
Only the two commits, `describe_weights` and `note_failure` write to the catalog.

DAG files import this module while Airflow parses them, so what a stage needs is imported when it runs.
"""

import hashlib
import logging
import time
from itertools import islice
from typing import TYPE_CHECKING

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.intake.partitions import read_partition
from carlos_tasks.nightly.backlog import backlog, baseline_is_damaged, refinements, thresholds_in_force
from carlos_tasks.nightly.stage_reports import BaselineReport, BatchReport, Failure, IndexReport, Plan
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import outcome_key
from carlos_tasks.worker.plans import Manifest, cut, manifests_of, read_manifest, write_manifest

if TYPE_CHECKING:
    from carlos_tasks.commit.index import CommitReport
    from carlos_tasks.commit.weight_sketches import WeightsReport
    from carlos_tasks.intake.commit import IntakeCommit
    from carlos_tasks.intake.discovery import Discovery
    from carlos_tasks.intake.shard_rows import IntakeReport
    from carlos_tasks.lake.checks import CheckFailure

log = logging.getLogger(__name__)

# Airflow maps over at most `[core] max_map_length` = 1024 batches; what does not fit stays in the backlog.
MAX_BATCHES = 1000


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
    """Cut the LoRAs that the profile has no representation of into batches, and store a manifest for each.

    The backlog is read from the lake, never from events: what an earlier night left undone is in it.

    Raises:
        SettingsError: the profile is imported, so that nothing can be measured under it.
    """
    profile = load_profile(settings.profile)
    most = profile.looks()[-1]
    waiting = (*backlog(settings, profile), *refinements(settings, profile))
    ids = [lora.lora_id for lora in waiting]
    plan_id = hashlib.sha256("\n".join([profile.profile_id, *ids]).encode()).hexdigest()[:16]
    store = open_store(settings.store)
    batches = list(islice(cut(waiting, settings.loras_per_batch), MAX_BATCHES))
    if not batches and baseline_is_damaged(settings, profile):
        batches = [()]  # only the baseline is to be made and committed
    thresholds = thresholds_in_force(settings, profile) if batches else None
    keys = tuple(
        write_manifest(
            store, plan_id, number, Manifest(profile_id=profile.profile_id, loras=loras, thresholds=thresholds)
        )
        for number, loras in enumerate(batches)
    )
    log.info("%d LoRAs wait for profile %s, at most %d pairs each", len(ids), profile.name, most)
    return Plan(profile.profile_id, plan_id, keys, len(ids))


def make_baseline(settings: Settings) -> BaselineReport:
    """Make the images of the bare backbone, once per profile."""
    from carlos_tasks.worker.worker import Worker

    profile = load_profile(settings.profile)
    n_pairs = len(profile.pairs())
    with progress("baseline", n_pairs) as advance:
        n_new = Worker(settings, [profile], open_store(settings.store)).make_baseline(advance)
    return BaselineReport(n_pairs, n_new)


def index_batch(settings: Settings, manifest_key: str) -> BatchReport:
    """Measure the LoRAs of one manifest; what is done already is skipped."""
    from carlos_tasks.worker.worker import Worker

    profile = load_profile(settings.profile)
    store = open_store(settings.store)
    manifest = read_manifest(store, manifest_key)
    if manifest.profile_id != profile.profile_id:
        raise PermanentError(f"{manifest_key} was planned for profile {manifest.profile_id}, not {profile.profile_id}")
    worker = Worker(settings, [profile], store, {profile.profile_id: manifest.thresholds})
    started = time.monotonic()
    with progress(manifest_key, len(manifest.loras) * profile.looks()[-1]) as advance:
        outcomes = [outcome for lora in manifest.loras for outcome in worker.index(lora, advance)]
    return BatchReport(
        lora_ids=tuple(outcome.lora_id for outcome in outcomes),
        embedded=sum(outcome.status == "embedded" for outcome in outcomes),
        unpatched=sum(outcome.status == "unpatched" for outcome in outcomes),
        failed=sum(outcome.status == "failed" for outcome in outcomes),
        copied=sum(outcome.copied_from is not None for outcome in outcomes),
        images=sum(outcome.n_pairs for outcome in outcomes if outcome.copied_from is None),
        seconds=round(time.monotonic() - started, 1),
    )


def _is_whole(settings: Settings, manifest_key: str) -> bool:
    """Whether a manifest can be read; where not, its LoRAs wait for the next plan, and the other batches go on."""
    try:
        read_manifest(open_store(settings.store), manifest_key)
    except (NotFound, PermanentError) as exc:
        log.warning("a batch is left out: %s", exc)
        return False
    return True


def commit_index(settings: Settings, plan_id: str) -> "CommitReport":
    """Register the finished shards of a plan and insert their representations, in one transaction."""
    from carlos_tasks.commit.index import commit_index

    profile = load_profile(settings.profile)
    planned = [lora.lora_id for part in manifests_of(open_store(settings.store), plan_id) for lora in part.loras]
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


def index_all(settings: Settings, source_uri: str, *, sweep: bool = False) -> IndexReport:
    """Run every stage in this process: what `carlos index` does where there is no Airflow.

    Args:
        sweep: reconcile a live source by id, which reads all of it.
    """
    from carlos_tasks.intake.source_intake import ingest_source

    ingested = ingest_source(settings, source_uri, sweep=sweep)
    described = describe_weights(settings)
    planned = plan(settings)
    if not planned.batches:
        return IndexReport(ingested, described, planned.n_loras, tuple(run_checks(settings)))
    make_baseline(settings)
    return IndexReport(
        ingested,
        described,
        planned.n_loras,
        batches=tuple(index_batch(settings, key) for key in planned.batches if _is_whole(settings, key)),
        commit=commit_index(settings, planned.plan_id),
        contact_sheet=contact_sheet(settings),
        check_failures=tuple(run_checks(settings)),
        n_cleaned=len(clean_up(settings)),
    )
