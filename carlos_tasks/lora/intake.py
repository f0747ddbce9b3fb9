"""Intake of one source shard: every listed file checked, then kept or quarantined, and one parquet that tells it all.

Needs no catalog. It can be killed anywhere and run again: an object is written under a key that its content
or its shard gives, the parquet comes last, and receipts spare the files that were done. A file that is
refused is a row; a source or store that does not answer ends the run with a PassingError.
"""

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carlos_tasks.lake.intake_schema import intake_bytes, intake_key
from carlos_tasks.lake.objects import ObjectInfo, ObjectStore
from carlos_tasks.lora.base_model import UNKNOWN, read_claim
from carlos_tasks.lora.check import LoraFile
from carlos_tasks.lora.desk import Desk
from carlos_tasks.lora.intake_rows import listing_row, rejection_row
from carlos_tasks.lora.reasons import Reason
from carlos_tasks.lora.receipts import Verdict
from carlos_tasks.sources.listing import Listing, Rejection, Source

MAX_FILE_BYTES = 4096 * 2**20
_LOG_EVERY_S = 30.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IntakeReport:
    """What became of the records of one shard: n_records = n_accepted + n_known + n_rejected."""

    intake_key: str
    n_records: int
    n_listings: int  # records that could be read, refused files included
    n_accepted: int  # files that are new to the store
    n_known: int  # files whose bytes the store had: re-uploads, earlier nights
    n_rejected: int
    n_claims_wrong: int  # accepted files whose listing names another base model than their keys do
    by_reason: dict[str, int] = field(default_factory=dict)


def take_in(
    source: Source,
    shard_key: str,
    store: ObjectStore,
    accepted_base_models: Collection[str] | None,
    max_bytes: int = MAX_FILE_BYTES,
) -> IntakeReport:
    """Take in one shard of a source.

    Args:
        accepted_base_models: base models that the index uses; None accepts every one.
        max_bytes: larger files are refused without being fetched.

    Raises:
        NotFound: the source has no such shard.
        PassingError: the source or the store does not answer; run it again.
    """
    shard = source.shard(shard_key)
    ledger = _Ledger(shard)
    with tempfile.TemporaryDirectory(prefix="carlos-intake-") as room:
        desk = Desk(source, store, accepted_base_models, max_bytes, Path(room) / "file")
        for record in _with_progress(_without_duplicates(source.listings(shard_key)), shard_key):
            if isinstance(record, Rejection):
                ledger.enter_rejection(record)
            else:
                ledger.enter_listing(record, *desk.judge(record))
    key = intake_key(source.uri, shard_key)
    store.write(key, intake_bytes(ledger.rows))
    return ledger.report(key)


class _Ledger:
    """The rows of one shard, and their count."""

    def __init__(self, shard: ObjectInfo) -> None:
        self.rows: list[dict[str, Any]] = []
        self._shard = shard
        self._tally: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def enter_rejection(self, rejection: Rejection, quarantine_key: str | None = None) -> None:
        """Enter a record that could not be listed, or the refusal of a listed file."""
        self._reasons[rejection.reason] += 1
        self.rows.append(rejection_row(rejection, self._shard, quarantine_key))

    def enter_listing(self, listing: Listing, verdict: Verdict, is_known: bool) -> None:
        """Enter a listed file with what became of it."""
        self._tally["listings"] += 1
        if verdict.reason is not None:
            self.rows.append(listing_row(listing, self._shard, None))
            self.enter_rejection(_rejection_of(listing, verdict, verdict.reason), verdict.quarantine_key)
        elif verdict.file is not None:
            self.rows.append(listing_row(listing, self._shard, verdict.file))
            self._tally["known" if is_known else "accepted"] += 1
            self._tally["claims_wrong"] += _is_claim_wrong(listing, verdict.file)

    def report(self, key: str) -> IntakeReport:
        """Sum up."""
        n_rejected = self._reasons.total()
        return IntakeReport(
            intake_key=key,
            n_records=self._tally["accepted"] + self._tally["known"] + n_rejected,
            n_listings=self._tally["listings"],
            n_accepted=self._tally["accepted"],
            n_known=self._tally["known"],
            n_rejected=n_rejected,
            n_claims_wrong=self._tally["claims_wrong"],
            by_reason={str(reason): self._reasons[reason] for reason in sorted(self._reasons)},
        )


def _rejection_of(listing: Listing, verdict: Verdict, reason: Reason) -> Rejection:
    return Rejection(
        source=listing.source,
        model_id=listing.model_id,
        version_id=listing.version_id,
        file_id=listing.file_id,
        lora_id=verdict.file.lora_id if verdict.file else None,
        reason=reason,
        detail=verdict.detail,
    )


def _is_claim_wrong(listing: Listing, file: LoraFile) -> bool:
    claim = read_claim(listing.base_model_claimed)
    return claim is not None and file.base_model not in (claim, UNKNOWN)


def _without_duplicates(records: Iterator[Listing | Rejection]) -> Iterator[Listing | Rejection]:
    """Turn the second listing of one file in a shard (pages that repeat) into a rejection."""
    seen: set[tuple[str, str, str, str]] = set()
    for record in records:
        ids = (record.source, record.model_id, record.version_id, record.file_id)
        if isinstance(record, Listing):
            if ids in seen:
                yield Rejection(*ids, None, Reason.DUPLICATE_RECORD, "listed before in the same shard")
                continue
            seen.add(ids)
        yield record


def _with_progress(records: Iterator[Listing | Rejection], shard_key: str) -> Iterator[Listing | Rejection]:
    """Log how far the shard is; how long it is is not known before its end."""
    start = said = time.monotonic()
    count = 0
    for count, record in enumerate(records, start=1):
        yield record
        if time.monotonic() - said >= _LOG_EVERY_S:
            said = time.monotonic()
            log.info("intake of %s: %d records, %.1f a second", shard_key, count, count / (said - start))
    log.info("intake of %s: done, %d records in %.1f s", shard_key, count, time.monotonic() - start)
