"""Keeps reports in the store, one per state of the lake: what the DAGs of the reports do."""

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import orjson

from carlos_tasks.aliases import Json
from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.lake.state import taken_down_now
from carlos_tasks.ledger.chain import entry_of
from carlos_tasks.ledger.entry import Entry
from carlos_tasks.ledger.keys import signer_of
from carlos_tasks.reports.bundles.document import Document, State, reading
from carlos_tasks.reports.bundles.redaction import redact_kept
from carlos_tasks.reports.bundles.release import is_released
from carlos_tasks.reports.bundles.seal import MANIFEST, RELEASE, SEAL, enter_report, seal_of, sha256_of, with_entry
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
    """Make a report of the lake as it is, upload it and enter it in the ledger; one that is there is left alone.

    There is a report where one lies whose manifest the ledger has. The manifest goes last, and first of all the one
    before it is taken away; the entry follows. So a task that was killed is simply run again, and what somebody else
    put there is never entered. What was released stays. The entry is a commit that makes no other state of the lake
    (`lake.state`): the next run finds the report.

    Args:
        settings: where it is kept, the lake, and the key.
        name: of the report.
        make: reads the lake.
        again: make it also where this state has one, e.g. after an upgrade.

    Raises:
        PermanentError: what was released there is not in the ledger: it is not written over.
    """
    store = open_store(settings.store)
    with reading(settings) as (con, state):
        place = report_prefix(name, state.profile_id, state.snapshot_id)
        known = entry_of_kept(con, store, place)
    if known is None and store.exists(place + RELEASE):
        raise PermanentError(
            f"the released report at {place} is damaged, or of a history that the lake has lost: "
            "carlos report check says how; move it elsewhere to have it made anew"
        )
    if known is not None and (not again or is_released(settings, place)):
        _seal_again(settings, store, place, known)
        return _kept(store, place, n_files=0)
    document = make()
    # The lake may have moved on between the two looks at it: the report says what it read.
    place = report_prefix(name, document.facts["profile_id"], document.facts["snapshot_id"])
    with tempfile.TemporaryDirectory(prefix="carlos-report-") as folder:
        manifest = document.write(Path(folder), signer_of(settings), kept_at=place)
        n_files = upload_report(settings, Path(folder), [file["path"] for file in manifest["files"]], place)
    return _kept(store, place, n_files=n_files)


def upload_report(settings: Settings, folder: Path, paths: Sequence[str], place: str) -> int:
    """Upload a report to its place in the store, its manifest last, and enter it; returns how many files it has.

    Args:
        settings: where it is kept, the lake, and the key.
        folder: where it was written.
        paths: of its files, without the manifest and what lies beside it.
        place: what their keys begin with; what lies there is removed.
    """
    store = open_store(settings.store)
    store.delete(place + MANIFEST)
    for item in list(store.list(place)):
        store.delete(item.key)
    for path in [*paths, SEAL, MANIFEST]:
        store.upload(folder / path, place + path)
    entry = enter_report(settings, store.read(place + MANIFEST))
    _seal_again(settings, store, place, entry)
    # A takedown that was recorded while the report was made has not found it.
    redact_kept(settings, place, taken_down_now(settings))
    log.info("%d files of the report lie at %s", len(paths) + 2, place)
    return len(paths) + 2


def entry_of_kept(con: duckdb.DuckDBPyConnection, store: ObjectStore, place: str) -> Entry | None:
    """The entry of the report that lies at a place, whole."""
    try:
        return entry_of(con, "report", sha256_of(store.read(place + MANIFEST)))
    except NotFound:
        return None


def _seal_again(settings: Settings, store: ObjectStore, place: str, entry: Entry) -> None:
    """Write the seal of a report with its entry, unless it has it: whoever entered it may have been killed then."""
    seal = with_entry(seal_of(store.read(place + MANIFEST), signer_of(settings)), entry).to_json()
    if not store.exists(place + SEAL) or store.read(place + SEAL) != seal:
        store.write(place + SEAL, seal)


def last_report_at(store: ObjectStore, name: str, state: State) -> datetime | None:
    """When the lake was committed that the last kept report before this state is of; None where there is none."""
    start = reports_prefix(name, state.profile_id)
    snapshots = [_snapshot(item.key) for item in store.list(start) if item.key.endswith(f"/{MANIFEST}")]
    for snapshot in sorted((s for s in snapshots if s is not None and s < state.snapshot_id), reverse=True):
        at = _committed_at(_manifest(store, report_prefix(name, state.profile_id, snapshot)))
        if at is not None and at <= state.committed_at:
            return at
    return None


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
    manifest = store.read(place + MANIFEST)
    summary = orjson.loads(manifest).get("summary", {})
    return KeptReport(place, n_files > 0, n_files, summary, sha256_of(manifest))


def _snapshot(key: str) -> int | None:
    digits = key.rpartition("/")[0].rpartition("snapshot_id=")[2]
    return int(digits) if digits.isdecimal() and len(digits) < 20 else None
