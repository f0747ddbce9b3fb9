"""Every stage of the nightly index in one process: what `carlos index` does where there is no Airflow."""

import logging
from collections.abc import Sequence

from carlos_tasks.errors import CarlosError, NotFound, PermanentError
from carlos_tasks.nightly.stage_reports import IndexReport, ProfileReport
from carlos_tasks.nightly.stages import (
    clean_up,
    commit_index,
    contact_sheet,
    describe_weights,
    index_batch,
    make_baseline,
    plan,
    run_checks,
)
from carlos_tasks.profiles.deployment import check_weights
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.worker.plans import read_manifest

log = logging.getLogger(__name__)


def index_all(settings: Settings, source_uri: str, *, sweep: bool = False) -> IndexReport:
    """Take in one source, and index what waits. A profile that fails stops no other; its error is raised at the end.

    Args:
        sweep: reconcile a live source by id, which reads all of it.
    """
    from carlos_tasks.intake.source_intake import ingest_source

    check_weights(settings)
    ingested = ingest_source(settings, source_uri, sweep=sweep)
    described = describe_weights(settings)
    planned = plan(settings)
    if not planned.batches:
        return IndexReport(ingested, described, planned.n_loras, tuple(run_checks(settings)))
    reports, faults = [], []
    for name, keys in planned.batches.items():
        try:
            reports.append(_index_profile(settings.of_profile(name), planned.plan_id, keys))
        except CarlosError as exc:  # the other profiles go on
            log.error("profile %s: %s", name, exc)
            faults.append(exc)
    if faults:
        raise faults[0]
    return IndexReport(
        ingested,
        described,
        planned.n_loras,
        check_failures=tuple(run_checks(settings)),
        profiles=tuple(reports),
        n_cleaned=len(clean_up(settings)),
    )


def _index_profile(settings: Settings, plan_id: str, manifest_keys: Sequence[str]) -> ProfileReport:
    make_baseline(settings)
    batches = tuple(index_batch(settings, key) for key in manifest_keys if _is_whole(settings, key))
    commit = commit_index(settings, plan_id)
    return ProfileReport(settings.profile, batches, commit, contact_sheet(settings))


def _is_whole(settings: Settings, manifest_key: str) -> bool:
    """Whether a manifest can be read; where not, its LoRAs wait for the next plan, and the other batches go on."""
    try:
        read_manifest(open_store(settings.store), manifest_key)
    except (NotFound, PermanentError) as exc:
        log.warning("a batch is left out: %s", exc)
        return False
    return True
