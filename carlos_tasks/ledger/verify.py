"""Holding the lake against its chain: `carlos decisions verify`, and whoever checks the lake at night."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from carlos_tasks.errors import SettingsError
from carlos_tasks.lake.checks import MAX_ROWS, CheckFailure
from carlos_tasks.ledger.chain import Head, head
from carlos_tasks.ledger.evidence import Evidence, read_evidence
from carlos_tasks.ledger.findings import Finding
from carlos_tasks.ledger.public_keys import PublicKeys
from carlos_tasks.ledger.verify_chain import chain_findings
from carlos_tasks.ledger.verify_history import KeptHead, history_findings, kept_findings
from carlos_tasks.ledger.verify_records import record_findings
from carlos_tasks.ledger.verify_signatures import signature_findings
from carlos_tasks.ledger.verify_stamps import stamp_findings

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


__all__ = ["Finding", "KeptHead", "Verification", "chain_check", "verification", "verify_ledger"]


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        findings: faults, those of the chain first; empty: the lake is as it was entered.
        notes: what is no fault and should be known, a sentence each.
        head: of the chain; None: nothing was entered yet.
        n_entries: entries of the chain.
        n_signed: those of them that are signed.
    """

    findings: list[Finding]
    notes: list[str] = field(default_factory=list)
    head: Head | None = None
    n_entries: int = 0
    n_signed: int = 0


def chain_check(con: duckdb.DuckDBPyConnection) -> CheckFailure | None:
    """The chain as one of the checks of the lake; None: it has no fault."""
    found = verify_ledger(con)
    if not found:
        return None
    meaning = "What was decided, taken in or approved is not what was entered (carlos decisions verify)."
    return CheckFailure("decision_chain", meaning, len(found), [vars(one) for one in found[:MAX_ROWS]])


def verify_ledger(
    con: duckdb.DuckDBPyConnection, kept: Sequence[KeptHead] = (), trusted: PublicKeys | None = None
) -> list[Finding]:
    """The faults that `verification` finds."""
    return verification(con, kept, trusted).findings


def verification(
    con: duckdb.DuckDBPyConnection,
    kept: Sequence[KeptHead] = (),
    trusted: PublicKeys | None = None,
    roots: "list[Certificate] | None" = None,
) -> Verification:
    """Hold decisions, notices, approvals, submissions and keys against the chain, and the chain against itself.

    Args:
        con: the lake, as it is.
        kept: heads that were kept elsewhere.
        trusted: public keys of the deployment that were kept elsewhere.
        roots: certificates of the authorities that stamp; None: their signatures are not checked.
    """
    try:
        evidence = read_evidence(con)
    except duckdb.CatalogException:
        return Verification([], ["the lake is of before it had a chain: the next commit begins it"])
    findings = [*evidence.findings, *chain_findings(evidence), *record_findings(con, evidence)]
    findings += [*signature_findings(evidence, trusted), *history_findings(con, evidence)]
    notes = _notes(evidence)
    try:
        findings += stamp_findings(con, evidence, roots)
    except (SettingsError, duckdb.Error) as exc:
        notes.append(f"time stamps were not checked: {exc}")
    for one in kept:
        findings += kept_findings(evidence, one)
    return Verification(
        list(dict.fromkeys(findings)),
        notes,
        None if any(one.fault == "unreadable" for one in evidence.findings) else head(con),
        len(evidence.entries),
        sum(entry.signature is not None for entry in evidence.entries),
    )


def _notes(evidence: Evidence) -> list[str]:
    entries, notes = evidence.entries, []
    if late := sum(entry.is_late for entry in entries):
        notes.append(f"{late} from before the chain: their entries prove nothing of the time before it began")
    if unsigned := sum(entry.signature is None for entry in entries):
        notes.append(f"{unsigned} recorded, not signed: who can write the lake can write them anew, if no head is kept")
    if behind := sum(entry.clock_at < entry.entered_at for entry in entries):
        notes.append(f"{behind} entered while the clock was behind the entry before: they bear the next time after it")
    return notes
