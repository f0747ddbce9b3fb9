"""Releasing a report that is kept in the store: who approved it, when, and of which bytes, entered in the ledger."""

from dataclasses import asdict, dataclass

from carlos_tasks.aliases import Json
from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.ledger.canonical import canonical_json
from carlos_tasks.ledger.chain import entry_of
from carlos_tasks.moderation.approval import Approval
from carlos_tasks.reports.bundles.seal import MANIFEST, RELEASE, enter_one, entry_json, sha256_of
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store


@dataclass(frozen=True)
class Release:
    """Who approved a report and when; `manifest_sha256` vouches for every file of it."""

    manifest_sha256: str
    approved_by: str
    approved_at: str | None


def release_report(settings: Settings, prefix: str, manifest_sha256: str, approval: Approval) -> Release:
    """Enter who approved a kept report, and write it beside the report, which itself stays as it is.

    The entry comes first: killed before the file is written, it is run again, enters nothing twice and writes the file.

    Args:
        settings: where the report is kept, the lake, and the key.
        prefix: where in the store (`reports.bundles.stored.KeptReport`).
        manifest_sha256: hash of the manifest that was approved.
        approval: the answer of whoever was asked.

    Returns:
        What was written.

    Raises:
        NotFound: no whole report lies there.
        PermanentError: nobody is named who approved it; other bytes lie there by now; it is not in the ledger; or
            somebody else has released it.
        PassingError: the lake or the store did not take it.
    """
    if not approval.is_approved:
        raise PermanentError(f"nobody has approved {prefix}: it is not released")
    if not approval.user_name:
        raise PermanentError(f"the approval of {prefix} names nobody: a report is released by a person")
    store = open_store(settings.store)
    if sha256_of(store.read(prefix + MANIFEST)) != manifest_sha256:
        raise PermanentError(f"{prefix} was drafted anew since it was approved: the newer draft needs its own approval")
    with connect(settings) as con, lake_errors():
        if entry_of(con, "report", manifest_sha256) is None:
            raise PermanentError(f"{prefix} is not in the ledger of this lake: draft it again, and approve that draft")
    released = Release(manifest_sha256, approval.user_name, approval.answered_at)
    entry = enter_one(settings, "release", "release", manifest_sha256, release_content(asdict(released)))
    store.write(prefix + RELEASE, canonical_json(asdict(released) | {"entry": entry_json(entry)}))
    return released


def release_content(released: Json) -> Json:
    """What the ledger has of a release."""
    return {name: released.get(name) for name in ("manifest_sha256", "approved_by", "approved_at")}


def is_released(settings: Settings, prefix: str) -> bool:
    """Whether the report that lies at a prefix was released: the ledger says so, whatever lies beside the report."""
    try:
        sha256 = sha256_of(open_store(settings.store).read(prefix + MANIFEST))
    except NotFound:
        return False
    with connect(settings) as con, lake_errors():
        return entry_of(con, "release", sha256) is not None
