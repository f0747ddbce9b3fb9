"""Receipts: what the checks said of one file of a source, kept so that a re-run fetches and hashes nothing twice.

A claimed SHA-256 is only a claim, so it never stands for bytes. A receipt does: it is written after the bytes
were fetched, hashed and stored, and its key holds everything that the verdict depends on. Where any of it
changes (the object at the source, the claims, the accepted base models, the checks themselves), the file is
examined again.
"""

import logging
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.lora.check import CHECKS_VERSION, LoraFile
from carlos_tasks.sources.listing import Listing
from carlos_tasks.store.keys import verdict_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.store.sealed import read_sealed, write_sealed
from carlos_tasks.untrusted.reasons import Reason


@dataclass(frozen=True)
class Verdict:
    """What became of one listed file: taken in (no reason), or refused. `file` is None where no bytes were read."""

    file: LoraFile | None
    reason: Reason | None = None
    detail: str = ""
    quarantine_key: str | None = None


_VERDICT = TypeAdapter(Verdict)
log = logging.getLogger(__name__)


def receipt_key(
    source_uri: str,
    listing: Listing,
    fingerprint: str,
    accepted_base_models: Collection[str] | None,
    max_bytes: int,
) -> str:
    """Name the receipt of one file in one state, as these checks would judge it."""
    accepted = None if accepted_base_models is None else sorted(accepted_base_models)
    state: list[Any] = [CHECKS_VERSION, source_uri, listing.file_id, fingerprint]
    state += [listing.sha256_claimed, listing.size_bytes, accepted, max_bytes, listing.stated_scale]
    return verdict_key(state)


def write_receipt(store: ObjectStore, key: str, verdict: Verdict) -> None:
    """Keep a verdict; everything that it speaks of must be stored before."""
    write_sealed(store, key, asdict(verdict))


def read_receipt(store: ObjectStore, key: str) -> Verdict | None:
    """Return the verdict that was kept, or None if this file has to be examined: a broken receipt is none."""
    try:
        return _VERDICT.validate_python(read_sealed(store, key))
    except NotFound:
        return None
    except (PermanentError, ValidationError) as exc:
        log.warning("receipt %s says nothing, the file is examined again: %s", key, " ".join(str(exc).split())[:200])
        return None
