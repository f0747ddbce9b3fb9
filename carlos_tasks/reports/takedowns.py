"""What a takedown does to what was drawn before it: sheets and kept reports show the pictures of the LoRA no more.

The kept images themselves stay in the store, below `evidence/`, where the decision names them: an appeal is decided by
them. What is made from then on leaves them out by itself. Everything here can be killed and run again.
"""

import logging
from dataclasses import dataclass

import orjson

from carlos_tasks.errors import NotFound
from carlos_tasks.lake.state import taken_down_now
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.bundles.redaction import redact_kept
from carlos_tasks.reports.bundles.seal import MANIFEST
from carlos_tasks.reports.contact_sheet import is_outdated, write_contact_sheet
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import contact_sheet_key, contact_sheets_prefix, kept_reports_prefix
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.threads import at_once

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hidden:
    """What was changed now: keys of contact sheets that were drawn anew or removed, prefixes of reports."""

    sheets: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()


def hide_pictures(settings: Settings) -> Hidden:
    """Take the pictures of LoRAs that are taken down out of contact sheets and kept reports, where they still stand.

    A sheet of another profile than that of `settings` is removed; the next commit of that profile draws it.

    Raises:
        NotFound: there is no lake yet.
        PermanentError, PassingError: the lake or the store did not take it; run it again.
    """
    removed = taken_down_now(settings)
    if not removed:
        return Hidden()
    store = open_store(settings.store)
    sheets = [item.key for item in store.list(contact_sheets_prefix()) if is_outdated(_read(store, item.key), removed)]
    for key in sheets:
        store.delete(key)
    profile = load_profile(settings.profile)
    if contact_sheet_key(profile.profile_id) in sheets:
        try:
            write_contact_sheet(settings, profile)
        except NotFound:
            log.info("no LoRA is left to draw a contact sheet of")
    reports = [prefix for prefix in _showing(store, set(removed)) if redact_kept(settings, prefix, removed)]
    return Hidden(tuple(sheets), tuple(reports))


def _showing(store: ObjectStore, removed: set[str]) -> list[str]:
    """Prefixes of kept reports that say that they show one of some LoRAs, or do not say whom they show."""
    ending = f"/{MANIFEST}"
    prefixes = [
        item.key.removesuffix(MANIFEST) for item in store.list(kept_reports_prefix()) if item.key.endswith(ending)
    ]
    with at_once() as each:
        manifests = each(lambda prefix: _read(store, prefix + MANIFEST), prefixes)
        return [
            prefix for prefix, manifest in zip(prefixes, manifests, strict=True) if _may_show(prefix, manifest, removed)
        ]


def _may_show(prefix: str, manifest: bytes, removed: set[str]) -> bool:
    try:
        told = orjson.loads(manifest)
        shown = told.get("pictures_of")
        return bool(told["files"]) and (shown is None or not removed.isdisjoint(shown))
    except (ValueError, KeyError, TypeError, AttributeError):
        log.warning("the manifest of %s is that of no report", prefix)
        return False


def _read(store: ObjectStore, key: str) -> bytes:
    try:
        return store.read(key)
    except NotFound:  # removed since it was listed
        return b""
