"""Releasing a report that is kept in the store: who approved it, when, and of which bytes."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from carlos_tasks.aliases import Json
from carlos_tasks.errors import PermanentError
from carlos_tasks.reports.bundles.bundle import MANIFEST, json_bytes
from carlos_tasks.store.objects import ObjectStore

RELEASE = "release.json"


def release_report(store: ObjectStore, drafted: Mapping[str, Any], answer: Mapping[str, Any]) -> Json:
    """Write beside a kept report who approved it; the report itself stays as it is.

    Args:
        store: where it is kept.
        drafted: `prefix` and `manifest_sha256` of what was approved (`reports.bundles.stored.keep_report`).
        answer: what Airflow's approval returned: `responded_by_user` and `responded_at`.

    Returns:
        What was written: `manifest_sha256`, which vouches for every file of the report, `approved_by`, `approved_at`.

    Raises:
        NotFound: no whole report lies there.
        PermanentError: nobody is named who approved it, or other bytes lie there by now.
    """
    prefix = drafted["prefix"]
    approved_by = (answer.get("responded_by_user") or {}).get("name")
    if not approved_by:
        raise PermanentError(f"the approval of {prefix} names nobody: a report is released by a person")
    approved_at = answer["responded_at"]
    manifest_sha256 = hashlib.sha256(store.read(prefix + MANIFEST)).hexdigest()
    if manifest_sha256 != drafted["manifest_sha256"]:
        raise PermanentError(f"{prefix} was drafted anew since it was approved: the newer draft needs its own approval")
    released = {
        "manifest_sha256": manifest_sha256,
        "approved_by": approved_by,
        "approved_at": approved_at.isoformat() if isinstance(approved_at, datetime) else approved_at,
    }
    store.write(prefix + RELEASE, json_bytes(released))
    return released
