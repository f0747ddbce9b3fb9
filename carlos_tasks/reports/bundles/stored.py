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
from carlos_tasks.errors import NotFound, PermanentError
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
    if store.exists(place + RELEASE) or (not again and _is_kept(store, place, state)):
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
    for snapshot in sorted((s for s in snapshots if s is not None and s < state.snapshot_id), reverse=True):
        at = _committed_at(_manifest(store, report_prefix(name, state.profile_id, snapshot)))
        if at is not None and at <= state.committed_at:
            return at
    return None


def _is_kept(store: ObjectStore, place: str, state: State) -> bool:
    """Whether the report of this state lies there: not a broken one, nor that of a lake whose catalog was lost.

    A lake whose catalog was restored from a back-up numbers its snapshots as the lost one did.
    """
    return _committed_at(_manifest(store, place)) == state.committed_at


def _manifest(store: ObjectStore, place: str) -> Json:
    """What the manifest of a kept report holds; nothing where it is absent, or is no manifest."""
    try:
        content = orjson.loads(store.read(place + MANIFEST))
    except NotFound:
        return {}
    except ValueError:
        content = None
    if not isinstance(content, dict):
        log.warning("%s is no manifest: the report counts as unfinished", place + MANIFEST)
        return {}
    return content


def _committed_at(manifest: Json) -> datetime | None:
    try:
        at = datetime.fromisoformat(manifest["committed_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return at if at.tzinfo else None


def _kept(store: ObjectStore, place: str, n_files: int) -> KeptReport:
    data = store.read(place + MANIFEST)
    try:
        summary = orjson.loads(data)["summary"]
    except (KeyError, TypeError, ValueError) as exc:
        raise PermanentError(f"the released report at {place} is damaged: carlos report check says how") from exc
    return KeptReport(place, n_files > 0, n_files, summary, hashlib.sha256(data).hexdigest())


def _snapshot(key: str) -> int | None:
    digits = key.rpartition("/")[0].rpartition("snapshot_id=")[2]
    return int(digits) if digits.isdecimal() and len(digits) < 20 else None
