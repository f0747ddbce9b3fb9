"""`carlos report check`: is a report what was written, who vouches for it, and does the lake give the same again?"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from carlos_tasks.aliases import Json
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.state import taken_down
from carlos_tasks.ledger.public_keys import PublicKeys
from carlos_tasks.ledger.verify import verification
from carlos_tasks.ledger.verify_history import KeptHead
from carlos_tasks.reports.bundles.check import Checked, check_files
from carlos_tasks.reports.bundles.lying import told_path
from carlos_tasks.reports.bundles.seal import MANIFEST
from carlos_tasks.reports.bundles.vouched import check_times, check_vouched
from carlos_tasks.reports.bundles.witness import Witness
from carlos_tasks.reports.recompute import recompute
from carlos_tasks.settings import Settings
from carlos_tasks.store import store_uri

#: Stands for the path where a fault is one of the lake's ledger, and of no file.
LEDGER = "(ledger)"


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        facts: `report`, `manifest_sha256`, `n_files`; `approved_by` and `approved_at` where it was released;
            `recomputed_from`, the snapshot, where the lake gave the same again.
        faults: rows of path and fault; none: as far as it was checked, it is what was written.
        vouched_by: who says that the manifest is what was written; nobody: only that the files are those it lists.
        redacted: sentences on pictures that were cut out since.
        not_checked: sentences on what was not looked at, and why.
    """

    facts: Json
    faults: list[Json]
    vouched_by: list[str]
    redacted: list[str]
    not_checked: list[str]

    def row(self) -> Json:
        """As JSON has it."""
        return self.facts | {name: value for name, value in vars(self).items() if name != "facts"}


def check_report(
    place: str,
    settings: Settings | None = None,
    *,
    keys: Path | None = None,
    head: str | None = None,
    reference: str | None = None,
) -> Verdict:
    """Check a report in a folder or in object storage.

    Args:
        place: folder, or s3:// prefix, that holds the manifest.
        settings: where the lake lies whose ledger is asked, and which gives the report again; None: without the lake.
        keys: public key of the deployment, or a folder of them, that was kept elsewhere.
        head: of the ledger, that was kept elsewhere: its hash, or POSITION:HASH.
        reference: folder or s3:// prefix of the reference set of an attribution report.

    Raises:
        NotFound: no finished report lies there; there is no lake, or no key.
        CarlosError: the head is none.
        PassingError: storage or lake did not answer.
    """
    known, kept = PublicKeys.of_path(keys) if keys else None, _head(head)
    found = check_files(place)
    if not found.can_be_checked:
        return _verdict(found)
    if settings is None:
        _check_alone(found, known, kept)
        return _verdict(found)
    with ExitStack() as opened:
        try:
            con = opened.enter_context(connect(settings))
        except NotFound as exc:
            raise NotFound(f"{exc}; --offline checks a report without the lake") from exc
        opened.enter_context(lake_errors())
        entry = check_vouched(found, Witness(known or PublicKeys.of_lake(con), con, needs_signature=bool(known)))
        check_times(found, con, entry)
        for finding in verification(con, [*kept, *_named_heads(found)], known).findings:
            found.fault(LEDGER, str(finding))
        since = taken_down(con)
    _check_place(found, place, settings)
    done = {lora["lora_id"] for lora in found.redactions.loras} if found.redactions else set()
    if shown := sorted({str(one) for one in found.told.get("pictures_of", [])} & set(since) - done):
        found.facts["taken_down_since"] = shown
    recompute(found, settings, reference)
    return _verdict(found)


def _check_alone(found: Checked, known: PublicKeys | None, kept: list[KeptHead]) -> None:
    """Check without the lake."""
    entry = check_vouched(found, Witness(known, needs_signature=bool(known)))
    for one in kept:
        if entry is not None and entry.entry_hash == one.entry_hash:
            found.vouched_by.append(f"the head that was kept elsewhere, at position {entry.position}")
        else:
            found.not_checked.append(f"whether the head {one.entry_hash[:16]}… is that of a ledger with this report")
    found.not_checked.append("the ledger of the lake: whether the report is in it, and whether it is whole")
    found.not_checked.append("the tables and the page, by making them of the lake again")


def _head(text: str | None) -> list[KeptHead]:
    if text is None:
        return []
    position, _, entry_hash = text.strip().rpartition(":")
    if len(entry_hash) != 64 or set(entry_hash) - set("0123456789abcdef") or not (position or "0").isdecimal():
        raise CarlosError("that is no head of a ledger: write its 64 hexadecimal digits, or POSITION:DIGITS")
    return [KeptHead(entry_hash, int(position) if position else None)]


def _named_heads(found: Checked) -> list[KeptHead]:
    """Heads that the report itself names: the ledger cannot have been cut before them."""
    heads = []
    named = found.told.get("ledger")
    if isinstance(named, dict):
        position = named.get("position")
        heads.append(KeptHead(str(named.get("entry_hash")), position if isinstance(position, int) else None))
    return heads


def _check_place(found: Checked, place: str, settings: Settings) -> None:
    """A report that is kept in the store lies where its manifest says."""
    uri, at = store_uri(settings.store), store_uri(place)
    if at.startswith(f"{uri}/"):
        prefix = f"{at.removeprefix(f'{uri}/')}/"
        if prefix.startswith("reports/") and found.told.get("kept_at") != prefix:
            found.fault(
                MANIFEST, f"is of a report that is kept at {told_path(str(found.told.get('kept_at')))}, not here"
            )


def _verdict(found: Checked) -> Verdict:
    told = found.told
    facts: Json = {
        "report": told.get("report"),
        "manifest_sha256": found.manifest_sha256,
        "n_files": len(told.get("files", ())),
    }
    redacted = [
        f"pictures of LoRA {lora['lora_id']} were cut out on {str(lora.get('redacted_at'))[:10]}, "
        f"by decision {lora['decision_id']}"
        for lora in (found.redactions.loras if found.redactions else ())
    ]
    faults = [{"path": path, "fault": fault} for path, fault in found.faults]
    return Verdict(facts | found.facts, faults, [] if faults else found.vouched_by, redacted, found.not_checked)
