"""Keeps reports in the store, one per state of the lake: what the DAGs of the reports do."""

import hashlib
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from carlos_tasks.aliases import Json
from carlos_tasks.errors import NotFound
from carlos_tasks.reports.bundles.bundle import MANIFEST
from carlos_tasks.reports.bundles.document import Document, State, reading
from carlos_tasks.reports.bundles.release import RELEASE
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import report_prefix, reports_prefix
from carlos_tasks.store.objects import ObjectStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptReport:
    """Where a report lies in the store, and whether it was made now. `summary` is the report's own.

    `n_files` counts the files that were uploaded: none where the report was there already.
    """

    prefix: str
    is_new: bool
    n_files: int
    summary: Json
    manifest_sha256: str


def keep_report(settings: Settings, name: str, make: Callable[[], Document], *, again: bool = False) -> KeptReport:
    """Make a report of the lake as it is and upload it; one that is there already is left alone.

    The manifest goes last, and first of all the one before it is taken away: where it lies the report is whole, and a
    task that was killed is simply run again. What was released stays.

    Args:
        name: of the report.
        make: reads the lake.
        again: make it also where this state has one, e.g. after an upgrade.
    """
    store = open_store(settings.store)
    with reading(settings, datetime.now(UTC)) as (_, state):
        place = report_prefix(name, state.profile_id, state.snapshot_id)
    if store.exists(place + (RELEASE if again else MANIFEST)):
        return _kept(store, place, n_files=0)
    document = make()
    # The lake may have moved on between the two looks at it: the report says what it read.
    place = report_prefix(name, document.facts["profile_id"], document.facts["snapshot_id"])
    store.delete(place + MANIFEST)
    with tempfile.TemporaryDirectory(prefix="carlos-report-") as folder:
        manifest = document.write(Path(folder))
        for path in [*(file["path"] for file in manifest["files"]), MANIFEST]:
            store.upload(Path(folder) / path, place + path)
    log.info("%d files of the report lie at %s", len(manifest["files"]) + 1, place)
    return _kept(store, place, n_files=len(manifest["files"]) + 1)


def last_report_at(store: ObjectStore, name: str, state: State) -> datetime | None:
    """When the lake was committed that the last kept report before this state is of; None where there is none."""
    start = reports_prefix(name, state.profile_id)
    snapshots = [_snapshot(item.key) for item in store.list(start) if item.key.endswith(f"/{MANIFEST}")]
    earlier = [snapshot for snapshot in snapshots if snapshot is not None and snapshot < state.snapshot_id]
    if not earlier:
        return None
    try:
        manifest = orjson.loads(store.read(report_prefix(name, state.profile_id, max(earlier)) + MANIFEST))
        return datetime.fromisoformat(manifest["committed_at"])
    except (NotFound, ValueError, KeyError, TypeError):
        return None


def _kept(store: ObjectStore, place: str, n_files: int) -> KeptReport:
    manifest = store.read(place + MANIFEST)
    summary = orjson.loads(manifest).get("summary", {})
    return KeptReport(place, n_files > 0, n_files, summary, hashlib.sha256(manifest).hexdigest())


def _snapshot(key: str) -> int | None:
    digits = key.rpartition("/")[0].rpartition("snapshot_id=")[2]
    return int(digits) if digits.isdecimal() else None
