"""The same report, made of the same state of the lake again, and held against the one that lies there.

Tables, JSON and statements have the same bytes then. Of a page, all but the pictures is compared: these lie outside of
the lake, and may be cut out. The PDF is a print of the page, and is not made again.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import PurePosixPath

import orjson

from carlos_tasks.aliases import Json
from carlos_tasks.attribution.reference import Reference, make_reference
from carlos_tasks.errors import CarlosError, NotFound, PassingError
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.attribution import report as attribution
from carlos_tasks.reports.bundles.bundle import MANIFEST_ONLY
from carlos_tasks.reports.bundles.check import Checked
from carlos_tasks.reports.bundles.document import Document
from carlos_tasks.reports.bundles.json_text import json_bytes
from carlos_tasks.reports.bundles.pictures import EVIDENCE, without_pictures
from carlos_tasks.reports.bundles.seal import MANIFEST, sha256_of
from carlos_tasks.reports.moderation import report as moderation
from carlos_tasks.reports.transparency import report as transparency
from carlos_tasks.settings import Settings
from carlos_tasks.version import __version__


def recompute(found: Checked, settings: Settings, reference: str | None = None) -> None:
    """Make the report again and note what differs, or why it could not be made.

    Args:
        found: what was found so far; its manifest is that of a report.
        settings: where the lake lies, and the profile.
        reference: folder or s3:// prefix of the reference set of an attribution report.
    """
    told = found.told
    what = f"the tables and the page, by making them of snapshot {told.get('snapshot_id')} again"
    make = _MAKERS.get(told["report"])
    why = None
    if make is None:
        why = "no report of this kind is made again"
    elif told.get("code_version") != __version__:
        why = f"they are of CARLoS {told.get('code_version')}, and this is {__version__}"
    elif told.get("profile_id") != load_profile(settings.profile).profile_id:
        why = "the report is of another profile than CARLOS_PROFILE names"
    if make is None or why:
        found.not_checked.append(f"{what}: {why}")
        return
    try:
        document = make(settings, told, reference)
    except PassingError:
        raise
    except (CarlosError, KeyError, TypeError, ValueError) as exc:
        found.not_checked.append(f"{what}: {exc}")
        return
    if not _compare(found, document):
        found.facts["recomputed_from"] = told["snapshot_id"]


def _compare(found: Checked, document: Document) -> bool:
    """Note what differs; returns whether anything does."""
    before = len(found.faults)
    made = {name: value for name, value in document.facts.items() if name not in MANIFEST_ONLY}
    for name, value in orjson.loads(json_bytes(made)).items():
        if found.told.get(name) != value:
            found.fault(MANIFEST, f"says another {name} than the lake at snapshot {found.told['snapshot_id']}")
    listed = {file["path"]: file["sha256"] for file in found.told["files"]}
    for path, content in document.contents():
        if path.startswith(EVIDENCE):
            listed.pop(path, None)
        elif path not in listed:
            found.fault(path, "is part of this report, and neither listed nor here")
        elif path.endswith(".html"):
            _compare_page(found, path, content)
            del listed[path]
        elif listed.pop(path) != sha256_of(content):
            found.fault(path, "is not what the lake gives")
    for path in listed:
        if not path.startswith((EVIDENCE, "reference/pictures/")) and PurePosixPath(path).suffix != ".pdf":
            found.fault(path, "is listed, and no part of such a report")
    return len(found.faults) > before


def _compare_page(found: Checked, path: str, content: bytes) -> None:
    lies = found.read(path)
    if lies is not None and without_pictures(lies.decode("utf-8", "replace")) != without_pictures(content.decode()):
        found.fault(path, "is not the page that the lake gives")


def _moderation(settings: Settings, told: Json, reference: str | None) -> Document:
    since, now = (datetime.fromisoformat(told[name]) for name in ("since", "created_at"))
    return moderation.moderation_report(settings, since, now, told["snapshot_id"])


def _transparency(settings: Settings, told: Json, reference: str | None) -> Document:
    now = datetime.fromisoformat(told["created_at"])
    return transparency.transparency_report(settings, told["month"], now, told["snapshot_id"])


def _attribution(settings: Settings, told: Json, reference: str | None) -> Document:
    asked = told["reference"]
    if reference is None and asked["n_pictures_used"] + asked["n_pictures_left_out"]:
        raise NotFound("name its reference pictures with --reference")
    said: Json = {name: str(asked[name]) for name in ("title", "rights_holder", "provenance", "licence")}
    rest: Json = {
        "collected_at": asked["collected_at"] and date.fromisoformat(asked["collected_at"]),
        "texts": tuple(asked["texts"]),
        "lora_ids": tuple(asked["lora_ids"]),
    }
    shown = replace(make_reference(reference, **said), **rest) if reference else Reference(**said, **rest)
    return attribution.attribution_report(
        settings,
        shown,
        told["k"],
        snapshot=told["snapshot_id"],
        with_pictures=told["with_pictures"],
        now=datetime.fromisoformat(told["created_at"]),
    )


_MAKERS: dict[str, Callable[[Settings, Json, str | None], Document]] = {
    moderation.NAME: _moderation,
    transparency.NAME: _transparency,
    attribution.NAME: _attribution,
}
