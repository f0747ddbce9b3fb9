"""Keeps attribution reports in the store: one for each reference set and state of the lake."""

import hashlib
import re

import orjson

from carlos_tasks.attribution.reference import Reference, make_reference
from carlos_tasks.reports.attribution.report import NAME, attribution_report
from carlos_tasks.reports.bundles.stored import KeptReport, keep_report
from carlos_tasks.settings import Settings

_MAX_TITLE_CHARS = 40


def store_attribution(settings: Settings, place: str, *, again: bool = False) -> KeptReport:
    """Keep the report of a reference set and the lake as it is now (`carlos_tasks.reports.bundles.stored.keep_report`).

    Args:
        settings: where the lake lies, the profile and the device.
        place: folder or s3:// prefix of the reference set.
        again: make it also where this state has one.

    Raises:
        NotFound: there is no such set, or nothing is measured.
        CarlosError: the reference set cannot be used.
    """
    reference = make_reference(place)
    name = f"{NAME}/{folder_name(reference)}"
    return keep_report(settings, name, lambda: attribution_report(settings, reference), again=again)


def folder_name(reference: Reference) -> str:
    """A name for a key: the title's Latin letters and digits, and 12 digits of a hash of what the set holds.

    A changed description or picture makes another name, so that it gets a report of its own.
    """
    readable = re.sub("[^a-z0-9]+", "-", reference.title.lower()).strip("-")[:_MAX_TITLE_CHARS].strip("-")
    held = [
        *(reference.title, reference.rights_holder, reference.provenance, reference.licence, reference.collected_at),
        *(reference.texts, reference.lora_ids, [(file.name, file.bytes, file.etag) for file in reference.pictures]),
    ]
    digest = hashlib.sha256(orjson.dumps(held)).hexdigest()[:12]
    return f"{readable}-{digest}" if readable else digest
