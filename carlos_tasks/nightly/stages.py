"""The stages of the nightly index, one function each: DAGs, the command line and tests call the same ones.

    discover ─► ingest ─► commit_intake ─► plan ─► make_baseline ─► index_batch × n ─► commit_index ─► run_checks
                                                                                                     └► contact_sheet

What goes in and out is small JSON: keys and counts, never embeddings. Every stage can be killed at any point and run
again. Only the two commits write to the catalog.
"""

import hashlib
import json
import logging
import time
from dataclasses import asdict

from carlos_tasks.aliases import Json
from carlos_tasks.commit import index as commit
from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.lake import catalog, checks
from carlos_tasks.nightly.partitions import find_shard, read_partition
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.progress import progress
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import manifest_key, outcome_key, plan_prefix

log = logging.getLogger(__name__)


# Airflow maps over at most `[core] max_map_length` = 1024 batches; what does not fit stays in the backlog.
MAX_BATCHES = 1000


def discover(settings: Settings, source_uri: str, watermark: Json | None, *, sweep: bool = False) -> Json:
    """List what a source added since the watermark. Costs one listing; a live source is polled into its mirror first.

    Args:
        source_uri: e.g. `civitai-dump:s3://bucket/prefix`.
        watermark: what the last call returned, None the first time.
        sweep: reconcile a live source by id, which reads all of it.

    Returns:
        `shards`: keys of new or rewritten shards, oldest first; `watermark`: to be stored once they are handed on.
    """
    from carlos_tasks.intake.discovery import find_new
    from carlos_tasks.sources import open_source, poll_source

    store = open_store(settings.store)
    source = open_source(source_uri, store)
    poll_source(source, sweep=sweep)
    return find_new(source, store, watermark)


def shard_of(settings: Settings, partition_key: str | None) -> tuple[str, str] | None:
    """Return the source and the shard that a partition names, None for one that only sends the backlog through."""
    from carlos_tasks.sources import open_source

    named = read_partition(partition_key)
    if named is None:
        return None
    source_uri, name = named
    keys = (shard.key for shard in open_source(source_uri, open_store(settings.store)).shards())
    return source_uri, find_shard(name, keys)


def ingest(settings: Settings, source_uri: str, shard_key: str) -> Json:
    """Check every file of one source shard; accepted bytes go to `files/`, refused ones to `quarantine/`."""
    from carlos_tasks.intake.source_intake import ingest_shard
    from carlos_tasks.sources import open_source

    store = open_store(settings.store)
    return asdict(ingest_shard(settings, open_source(source_uri, store), shard_key, store))


def commit_intake(settings: Settings, intake_key: str) -> Json:
    """Add one shard's listings, refusals and LoRAs to the lake, in one transaction."""
    from carlos_tasks.intake.commit import commit_intake

    return asdict(commit_intake(settings, [intake_key]))


def plan(settings: Settings) -> Json:
    """Cut the LoRAs that the profile has no representation of into batches, and store a manifest for each.

    The backlog is read from the lake, never from events: what an earlier night left undone is in it.

    Returns:
        `profile_id`, `plan_id`, `batches` (manifest keys) and `n_loras`; the same backlog gives the same plan.

    Raises:
        SettingsError: the profile is imported, so that nothing can be measured under it.
    """
    profile = load_profile(settings.profile)
    n_pairs = len(profile.pairs())
    waiting = _backlog(settings, profile)
    ids = [row[0] for row in waiting]
    plan_id = hashlib.sha256("\n".join([profile.profile_id, *ids]).encode()).hexdigest()[:16]
    size = settings.loras_per_batch
    store = open_store(settings.store)
    keys: list[str] = []
    for start in range(0, min(len(waiting), MAX_BATCHES * size), size):
        loras = [
            {"lora_id": lora_id, "file_key": file_key, "trigger_words": list(words or [])}
            for lora_id, file_key, words in waiting[start : start + size]
        ]
        keys.append(manifest_key(plan_id, len(keys)))
        store.write(keys[-1], json.dumps({"profile_id": profile.profile_id, "loras": loras}).encode())
    log.info("%d LoRAs wait for profile %s, %d pairs each", len(ids), profile.name, n_pairs)
    return {"profile_id": profile.profile_id, "plan_id": plan_id, "batches": keys, "n_loras": len(ids)}


def backlog_size(settings: Settings) -> int:
    """How many LoRAs wait for the profile: what earlier nights left undone; 0 while there is no lake."""
    try:
        return len(_backlog(settings, load_profile(settings.profile)))
    except NotFound:
        return 0


def _backlog(settings: Settings, profile: Profile) -> list[tuple[str, str, list[str] | None]]:
    with catalog.connect(settings) as con:
        return con.execute(
            "select lora_id, file_key, trigger_words from mart.backlog($profile_id, $base_model)",
            {"profile_id": profile.profile_id, "base_model": profile.identity.backbone.base_model},
        ).fetchall()


def make_baseline(settings: Settings) -> Json:
    """Make the images of the bare backbone, once per profile."""
    from carlos_tasks.worker.worker import Worker

    profile = load_profile(settings.profile)
    n_pairs = len(profile.pairs())
    with progress("baseline", n_pairs) as advance:
        n_new = Worker(settings, profile, open_store(settings.store)).make_baseline(advance)
    return {"n_pairs": n_pairs, "n_new": n_new}


def index_batch(settings: Settings, manifest_key: str) -> Json:
    """Measure the LoRAs of one manifest; what is done already is skipped."""
    from carlos_tasks.worker.worker import LoraTask, Worker

    profile = load_profile(settings.profile)
    store = open_store(settings.store)
    manifest = json.loads(store.read(manifest_key))
    if manifest["profile_id"] != profile.profile_id:
        raise PermanentError(
            f"{manifest_key} was planned for profile {manifest['profile_id']}, not {profile.profile_id}"
        )
    tasks = [LoraTask(**{**lora, "trigger_words": tuple(lora["trigger_words"])}) for lora in manifest["loras"]]
    worker = Worker(settings, profile, store)
    started = time.monotonic()
    with progress(manifest_key, len(tasks) * len(profile.pairs())) as advance:
        outcomes = [worker.index(task, advance) for task in tasks]
    return {
        "lora_ids": [outcome.lora_id for outcome in outcomes],
        "embedded": sum(outcome.status == "embedded" for outcome in outcomes),
        "unpatched": sum(outcome.status == "unpatched" for outcome in outcomes),
        "failed": sum(outcome.status == "failed" for outcome in outcomes),
        "images": sum(outcome.n_pairs for outcome in outcomes),
        "seconds": round(time.monotonic() - started, 1),
    }


def commit_index(settings: Settings, plan_id: str) -> Json:
    """Register the finished shards of a plan and insert their representations, in one transaction."""
    profile = load_profile(settings.profile)
    store = open_store(settings.store)
    manifests = [json.loads(store.read(item.key)) for item in store.list(plan_prefix(plan_id))]
    keys = [outcome_key(profile.profile_id, lora["lora_id"]) for manifest in manifests for lora in manifest["loras"]]
    finished = [key for key in keys if store.exists(key)]
    if len(finished) < len(keys):
        log.warning(
            "%d of %d LoRAs of the plan are not finished; they stay in the backlog",
            len(keys) - len(finished),
            len(keys),
        )
    return asdict(commit.commit_index(settings, profile, finished))


def run_checks(settings: Settings) -> list[Json]:
    """Run `sql/checks`; returns the rows that should not be there."""
    with catalog.connect(settings) as con:
        return [asdict(failure) for failure in checks.run_checks(con)]


def contact_sheet(settings: Settings) -> str:
    """Draw the contact sheet of the profile and return its key."""
    from carlos_tasks.reports.contact_sheet import write_contact_sheet

    return write_contact_sheet(settings, load_profile(settings.profile))


def index_all(settings: Settings, source_uri: str) -> Json:
    """Run every stage in this process: what `carlos index` does where there is no Airflow."""
    from carlos_tasks.intake.source_intake import ingest_source

    ingested = ingest_source(settings, source_uri)
    planned = plan(settings)
    report: Json = {"ingested": asdict(ingested), "n_planned": planned["n_loras"]}
    if planned["batches"]:
        make_baseline(settings)
        report["batches"] = [index_batch(settings, key) for key in planned["batches"]]
        report["commit"] = commit_index(settings, planned["plan_id"])
        report["contact_sheet"] = contact_sheet(settings)
    report["check_failures"] = run_checks(settings)
    return report
