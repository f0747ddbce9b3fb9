"""Is a report still what was written? Its files against its manifest, and the manifest against its release."""

import hashlib
from collections.abc import Iterator

import orjson

from carlos_tasks.aliases import Json
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.reports.bundles.bundle import MANIFEST
from carlos_tasks.reports.bundles.release import RELEASE
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore, checked_key


def check_report(place: str) -> tuple[Json, list[Json]]:
    """Check a report in a folder or in object storage.

    Args:
        place: folder, or s3:// prefix, that holds the manifest.

    Returns:
        `report`, `manifest_sha256`, `n_files`, and `approved_by` and `approved_at` where it was released; and what is
        wrong: rows of `path` and `fault`. What lies there without being listed is told as well: it is no part of it.

    Raises:
        NotFound: no finished report lies there.
        CarlosError: what lies there as a manifest is none.
        PassingError: storage did not answer.
    """
    store = open_store(place)
    try:
        manifest = store.read(MANIFEST)
    except NotFound as exc:
        raise NotFound(f"{place} holds no {MANIFEST}: no report lies there, or one that was never finished") from exc
    name, listed = _listed(manifest, place)
    facts: Json = {"report": name, "manifest_sha256": hashlib.sha256(manifest).hexdigest(), "n_files": len(listed)}
    there = {item.key for item in store.list() if not item.is_link}
    faults = [{"path": path, "fault": fault} for path, fault in _faults(store, listed, there)]
    if RELEASE in there:
        released = _release(store, place)
        facts |= {key: released.get(key) for key in ("approved_by", "approved_at")}
        if released.get("manifest_sha256") != facts["manifest_sha256"]:
            faults.append({"path": RELEASE, "fault": "approves another manifest than this one"})
    return facts, faults


def _faults(store: ObjectStore, listed: dict[str, str], there: set[str]) -> Iterator[tuple[str, str]]:
    for path, sha256 in listed.items():
        if path not in there:
            yield path, "is missing"
        elif hashlib.sha256(store.read(path)).hexdigest() != sha256:
            yield path, "is not what was written"
    for path in sorted(there - set(listed) - {MANIFEST, RELEASE}):
        yield path, "is no part of the report"


def _listed(manifest: bytes, place: str) -> tuple[str, dict[str, str]]:
    """The report's name, and the hashes of its files by path."""
    try:
        content = orjson.loads(manifest)
        return str(content["report"]), {checked_key(file["path"]): str(file["sha256"]) for file in content["files"]}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise CarlosError(f"the {MANIFEST} of {place} is not that of a report") from exc


def _release(store: ObjectStore, place: str) -> Json:
    try:
        released = orjson.loads(store.read(RELEASE))
    except ValueError as exc:
        raise CarlosError(f"the {RELEASE} of {place} is no JSON") from exc
    return released if isinstance(released, dict) else {}
