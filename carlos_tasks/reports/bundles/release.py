"""Releasing a report that is kept in the store: who approved it, when, and of which bytes."""

import hashlib
from dataclasses import asdict, dataclass

from carlos_tasks.errors import PermanentError
from carlos_tasks.moderation.approval import Approval
from carlos_tasks.reports.bundles.bundle import MANIFEST, json_bytes
from carlos_tasks.store.objects import ObjectStore

RELEASE = "release.json"


@dataclass(frozen=True)
class Release:
    """Who approved a report and when; `manifest_sha256` vouches for every file of it."""

    manifest_sha256: str
    approved_by: str
    approved_at: str | None


def release_report(store: ObjectStore, prefix: str, manifest_sha256: str, approval: Approval) -> Release:
    """Write beside a kept report who approved it; the report itself stays as it is.

    Args:
        store: where it is kept.
        prefix: where in the store (`reports.bundles.stored.KeptReport`).
        manifest_sha256: hash of the manifest that was approved.
        approval: the answer of whoever was asked.

    Returns:
        What was written.

    Raises:
        NotFound: no whole report lies there.
        PermanentError: nobody is named who approved it, or other bytes lie there by now.
    """
    if not approval.user_name:
        raise PermanentError(f"the approval of {prefix} names nobody: a report is released by a person")
    if hashlib.sha256(store.read(prefix + MANIFEST)).hexdigest() != manifest_sha256:
        raise PermanentError(f"{prefix} was drafted anew since it was approved: the newer draft needs its own approval")
    released = Release(manifest_sha256, approval.user_name, approval.answered_at)
    store.write(prefix + RELEASE, json_bytes(asdict(released)))
    return released
