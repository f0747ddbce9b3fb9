"""Who vouches for a manifest, a release, a redaction: a signature, and the ledger of the lake.

With the lake, its ledger and its keys are asked. Without it, a public key that was kept elsewhere can be given, and a
head of the ledger: then what lies beside the manifest is held against these.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import orjson

from carlos_tasks.aliases import Json
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.ledger.canonical import canonical_json, utc_text
from carlos_tasks.ledger.chain import entry_of
from carlos_tasks.ledger.entry import Entry
from carlos_tasks.reports.bundles.check import Checked
from carlos_tasks.reports.bundles.release import release_content
from carlos_tasks.reports.bundles.seal import (
    MANIFEST,
    REDACTIONS,
    RELEASE,
    SEAL,
    Seal,
    report_content,
)
from carlos_tasks.reports.bundles.seal import signed_text as signed_manifest
from carlos_tasks.reports.bundles.witness import Witness, check_entry, signature_fault

#: An approval is dated by another machine's clock.
_CLOCKS = timedelta(minutes=5)
#: A report is entered when it has been written, and not days later.
_LATEST = timedelta(days=1)


def check_vouched(found: Checked, witness: Witness) -> Entry | None:
    """Check seal, release and redactions; returns the entry of the manifest that holds, if one does."""
    seal = _seal(found)
    content, told = report_content(found.manifest), seal and seal.entry
    entry = check_entry(found, witness, SEAL, "report", found.manifest_sha256, content, told)
    if seal is not None:
        _check_signature(found, witness, seal, entry)
    _check_release(found, witness)
    redactions = found.redactions
    if redactions is not None and redactions.entry is not None:
        record_id, content = redactions.record_id(), redactions.content()
        check_entry(found, witness, REDACTIONS, "report", record_id, content, redactions.entry)
        for lora in redactions.loras:
            _check_decision(found, witness, lora)
    return entry


def _seal(found: Checked) -> Seal | None:
    """The seal; None where none lies there, or another manifest's, which is a fault."""
    data = found.read(SEAL)
    if data is None:
        found.fault(SEAL, "is missing: signature and entry of the manifest stood in it")
        return None
    try:
        seal = Seal(**orjson.loads(data))
        if seal.to_json() != data or not isinstance(seal.key_id or "", str):
            raise ValueError("not in canonical form")
    except (ValueError, TypeError):
        found.fault(SEAL, "is no seal of a report")
        return None
    if seal.manifest_sha256 != found.manifest_sha256:
        found.fault(SEAL, "is the seal of another manifest than this one")
        return None
    return seal


def _check_signature(found: Checked, witness: Witness, seal: Seal, entry: Entry | None) -> None:
    """The signature of the manifest, by a key that was valid when it was entered, or says that it was made."""
    signed_by = found.told.get("signed_by")
    if seal.key_id != signed_by:
        gone = "the signature was taken away" if signed_by else "its manifest says that nobody signed it"
        found.fault(SEAL, f"is not signed with the key that the manifest names: {gone}")
        return
    at = entry.entered_at if entry else _moment(found.told.get("created_at")) or datetime.now(UTC)
    if seal.key_id is None or seal.signature is None:
        if witness.needs_signature or (witness.keys and witness.keys.in_force("deployment", at)):
            found.fault(SEAL, "has no signature")
        return
    if witness.keys is None:
        found.not_checked.append(f"the signature with key {seal.key_id}: name its public key with --key")
        return
    if fault := signature_fault(witness.keys, seal.key_id, signed_manifest(found.manifest), seal.signature, at):
        found.fault(SEAL, fault)
    else:
        found.vouched_by.append(f"signed with key {seal.key_id}")


def _check_release(found: Checked, witness: Witness) -> None:
    data = found.read(RELEASE)
    if data is None:
        if witness.con is not None and entry_of(witness.con, "release", found.manifest_sha256) is not None:
            found.fault(RELEASE, "is missing: the ledger says that the report was released")
        return
    try:
        told = dict(orjson.loads(data))
        content = release_content(told)
        if canonical_json(told) != data or set(told) != {*content, "entry"}:
            raise ValueError("not in canonical form")
        if not all(isinstance(content[name], str) for name in ("manifest_sha256", "approved_by")):
            raise ValueError("no texts")
    except (ValueError, TypeError):
        found.fault(RELEASE, "is no release of a report")
        return
    found.facts |= {name: content[name] for name in ("approved_by", "approved_at")}
    if content["manifest_sha256"] != found.manifest_sha256:
        found.fault(RELEASE, "approves another manifest than this one")
        return
    entry = check_entry(found, witness, RELEASE, "release", found.manifest_sha256, content, told["entry"])
    if witness.con is None and (entry is None or witness.keys is None):
        found.not_checked.append("who approved it: nobody vouches for release.json without the ledger or a key")
    _check_approved_at(found, entry, content)


def _check_approved_at(found: Checked, entry: Entry | None, content: Json) -> None:
    created_at, approved_at = _moment(found.told.get("created_at")), _moment(content["approved_at"])
    if created_at and approved_at and approved_at < created_at - _CLOCKS:
        found.fault(RELEASE, "approves the report before it was made")
    if entry and approved_at and approved_at > entry.entered_at + _CLOCKS:
        found.fault(RELEASE, "was approved after its approval was entered in the ledger")


def _check_decision(found: Checked, witness: Witness, lora: Json) -> None:
    """Whether the decision that a redaction names took the LoRA down."""
    if witness.con is None:
        return
    known = witness.con.execute(
        "select count(*) from core.decision where decision_id = $decision_id and lora_id = $lora_id "
        "and action = 'takedown'",
        {"decision_id": lora["decision_id"], "lora_id": lora["lora_id"]},
    ).fetchall()
    if known[0][0] != 1:
        found.fault(REDACTIONS, f"names {lora['decision_id']}, which took down no LoRA {lora['lora_id'][:12]}")


def check_times(found: Checked, con: duckdb.DuckDBPyConnection, entry: Entry | None) -> None:
    """When the report says it was made, between what it read and when it was entered; and which state it names."""
    told = found.told
    made_at, committed_at = _moment(told.get("created_at")), _moment(told.get("committed_at"))
    known = con.execute(
        "select snapshot_time from ducklake_snapshots('carlos') where snapshot_id = $snapshot",
        {"snapshot": told["snapshot_id"]},
    ).fetchall()
    if known and known[0][0] != committed_at:
        found.fault(MANIFEST, f"says that snapshot {told['snapshot_id']} was committed at another time than the lake")
    if told["snapshot_id"] > snapshot_id(con):
        found.fault(MANIFEST, f"names snapshot {told['snapshot_id']}, which the lake does not have yet")
    elif not known:
        found.not_checked.append(
            f"when snapshot {told['snapshot_id']} was committed: the lake does not keep it any more"
        )
    if made_at is None or (committed_at and made_at < committed_at):
        found.fault(MANIFEST, "was made before the state of the lake that it is of")
    elif (head_at := _entered_at(con, told.get("ledger"))) and made_at < head_at:
        found.fault(MANIFEST, "was made before the entry of the ledger that it names as the head")
    if made_at and entry and not made_at <= entry.entered_at <= made_at + _LATEST:
        found.fault(
            MANIFEST, f"says that it was made at {utc_text(made_at)}, and was entered at {utc_text(entry.entered_at)}"
        )


def _entered_at(con: duckdb.DuckDBPyConnection, head: Any) -> datetime | None:
    if not isinstance(head, dict):
        return None
    found = con.execute(
        "select entered_at from core.ledger where position = $position and entry_hash = $entry_hash",
        {"position": head.get("position"), "entry_hash": head.get("entry_hash")},
    ).fetchall()
    return found[0][0] if found else None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
