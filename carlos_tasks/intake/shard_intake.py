"""Intake of one source shard: every listed file checked, then kept or quarantined, and one parquet that tells it all.

Needs no catalog. It can be killed anywhere and run again: an object is written under a key that its content
or its shard gives, the parquet comes last, and receipts spare the files that were done. A file that is
refused is a row; a source or store that does not answer ends the run with a PassingError. Records stream through
into the parquet on disk, so that a shard of 100,000 models needs no more memory than a small one.
"""

import logging
import tempfile
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from carlos_tasks.errors import NotFound
from carlos_tasks.intake.file_intake import Desk
from carlos_tasks.intake.receipts import Verdict
from carlos_tasks.intake.records import Records, without_duplicates
from carlos_tasks.intake.rows import listing_row, rejection_row
from carlos_tasks.intake.schema import IntakeWriter, ShardRead
from carlos_tasks.lora.backbones.base_model import UNKNOWN, read_claim
from carlos_tasks.lora.check import CHECKS_VERSION, LoraFile
from carlos_tasks.sources.listing import Listing, Rejection, Source
from carlos_tasks.store.keys import intake_key
from carlos_tasks.store.objects import ObjectInfo, ObjectStore
from carlos_tasks.untrusted.reasons import Reason

MAX_FILE_BYTES = 4096 * 2**20
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IntakeReport:
    """What became of the records of one shard: n_records = n_accepted + n_known + n_without_bytes + n_rejected."""

    intake_key: str
    n_records: int
    n_listings: int  # records that could be read, refused files included
    n_accepted: int  # files that are new to the store
    n_known: int  # files whose bytes the store had: re-uploads, earlier nights
    n_without_bytes: int  # listings of a source that holds metadata alone
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

    A shard that the source does not have any more is read as an empty one, noticed now.

    Raises:
        PassingError: the source or the store does not answer; run it again.
    """
    shard = _shard_or_its_absence(source, shard_key)
    accepted = None if accepted_base_models is None else sorted(accepted_base_models)
    with tempfile.TemporaryDirectory(prefix="carlos-intake-") as folder:
        room = Path(folder)
        desk = Desk(source, store, accepted_base_models, max_bytes, room / "file")
        records = Records(source.listings(shard_key) if shard.etag else iter(()), shard_key)
        with IntakeWriter(room / "intake.parquet") as writer:
            ledger = _Ledger(shard, writer)
            for record in without_duplicates(iter(records)):
                if isinstance(record, Rejection):
                    ledger.enter_rejection(record)
                elif record.has_bytes:
                    ledger.enter_listing(record, *desk.judge(record))
                else:
                    ledger.enter_listing(record, Verdict(None), is_known=False)
            writer.finish(
                ShardRead(
                    source_uri=source.uri,
                    shard_key=shard_key,
                    etag=shard.etag,
                    last_modified=shard.last_modified.isoformat(),
                    checks_version=CHECKS_VERSION,
                    base_models=accepted,
                    max_bytes=max_bytes,
                    is_complete=records.are_complete,
                    n_records=records.count,
                )
            )
        key = intake_key(source.uri, shard_key)
        store.upload(room / "intake.parquet", key)
    return ledger.report(key, records.count)


def _shard_or_its_absence(source: Source, shard_key: str) -> ObjectInfo:
    try:
        return source.shard(shard_key)
    except NotFound:
        log.info("%s has no shard %s any more", source.uri, shard_key)
        return ObjectInfo(shard_key, 0, datetime.now(UTC), etag="")


class _Ledger:
    """Writes the rows of one shard, and sums up."""

    def __init__(self, shard: ObjectInfo, writer: IntakeWriter) -> None:
        self._shard = shard
        self._writer = writer
        self._tally: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def enter_rejection(self, rejection: Rejection) -> None:
        """Enter a record that could not be listed."""
        self._reasons[rejection.reason] += 1
        self._writer.add(rejection_row(rejection, self._shard, None))

    def enter_listing(self, listing: Listing, verdict: Verdict, is_known: bool) -> None:
        """Enter a listed file with what became of it; a verdict on no bytes leaves the listing alone."""
        self._tally["listings"] += 1
        file = verdict.file if verdict.reason is None else None
        self._writer.add(listing_row(listing, self._shard, file))
        if verdict.reason is not None:
            self._reasons[verdict.reason] += 1
            refusal = _rejection_of(listing, verdict, verdict.reason)
            self._writer.add(rejection_row(refusal, self._shard, verdict.quarantine_key, is_listed=True))
        elif file is not None:
            self._tally["known" if is_known else "accepted"] += 1
            self._tally["claims_wrong"] += _is_claim_wrong(listing, file)
        else:
            self._tally["without_bytes"] += 1

    def report(self, key: str, n_records: int) -> IntakeReport:
        """Sum up."""
        return IntakeReport(
            intake_key=key,
            n_records=n_records,
            n_listings=self._tally["listings"],
            n_accepted=self._tally["accepted"],
            n_known=self._tally["known"],
            n_without_bytes=self._tally["without_bytes"],
            n_rejected=self._reasons.total(),
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
