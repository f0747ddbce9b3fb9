"""The rows of one shard as they are written: listings and rejections, and how many became what."""

from collections import Counter
from dataclasses import dataclass, field

from carlos_tasks.intake.receipts import Verdict
from carlos_tasks.intake.rows import listing_row, rejection_row
from carlos_tasks.intake.schema import IntakeWriter
from carlos_tasks.lora.backbones.claims import read_claim
from carlos_tasks.lora.backbones.known import UNKNOWN
from carlos_tasks.lora.check import LoraFile
from carlos_tasks.sources.listing import Listing, Rejection
from carlos_tasks.store.objects import ObjectInfo
from carlos_tasks.untrusted.reasons import Reason


@dataclass(frozen=True)
class IntakeReport:
    """What became of the records of one shard.

    n_records = n_accepted + n_known + n_without_bytes + n_unanswered + n_rejected.
    """

    intake_key: str
    n_records: int
    n_listings: int  # records that could be read, refused files included
    n_accepted: int  # files that are new to the store
    n_known: int  # files whose bytes the store had: re-uploads, earlier nights
    n_without_bytes: int  # listings of a source that holds metadata alone
    n_unanswered: int  # files in whose place something else answered, a challenge say: they are asked for again
    n_rejected: int
    n_claims_wrong: int  # accepted files whose listing names another base model than their keys do
    n_scale_unknown: int  # accepted files of which nobody can tell by how much the weights are multiplied
    n_noted: int  # listings of which something was passed over: raw.listing.notes
    by_reason: dict[str, int] = field(default_factory=dict)


class ShardRows:
    """Writes the rows of one shard, and counts what became of its records."""

    def __init__(self, shard: ObjectInfo, writer: IntakeWriter) -> None:
        self._shard = shard
        self._writer = writer
        self._tally: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def add_rejection(self, rejection: Rejection) -> None:
        """Add a record that could not be listed."""
        self._reasons[rejection.reason] += 1
        self._writer.add(rejection_row(rejection, self._shard, None))

    def add_listing(self, listing: Listing, verdict: Verdict, is_known: bool) -> None:
        """Add a listed file with what became of it; a verdict on no bytes leaves the listing alone."""
        self._tally["listings"] += 1
        file = verdict.file if verdict.reason is None else None
        row = listing_row(listing, self._shard, file, verdict.file.lora_id if verdict.file else None)
        self._tally["noted"] += bool(row["notes"])
        self._writer.add(row)
        if verdict.reason is not None:
            self._reasons[verdict.reason] += 1
            refusal = _rejection_of(listing, verdict, verdict.reason)
            self._writer.add(rejection_row(refusal, self._shard, verdict.quarantine_key, is_listed=True))
        elif file is not None:
            self._tally["known" if is_known else "accepted"] += 1
            self._tally["claims_wrong"] += _is_claim_wrong(listing, file)
            self._tally["scale_unknown"] += file.is_scale_known is False
        else:
            self._tally["unanswered" if listing.has_bytes else "without_bytes"] += 1

    def report(self, key: str, n_records: int) -> IntakeReport:
        """Sum up."""
        return IntakeReport(
            intake_key=key,
            n_records=n_records,
            n_listings=self._tally["listings"],
            n_accepted=self._tally["accepted"],
            n_known=self._tally["known"],
            n_without_bytes=self._tally["without_bytes"],
            n_unanswered=self._tally["unanswered"],
            n_rejected=self._reasons.total(),
            n_claims_wrong=self._tally["claims_wrong"],
            n_scale_unknown=self._tally["scale_unknown"],
            n_noted=self._tally["noted"],
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
