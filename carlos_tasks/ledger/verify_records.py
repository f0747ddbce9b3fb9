"""Whether the records are those that were entered: none changed, deleted, slipped in or put twice."""

from collections.abc import Iterator

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.ledger.canonical import content_hash
from carlos_tasks.ledger.entry import Entry
from carlos_tasks.ledger.evidence import Evidence
from carlos_tasks.ledger.findings import Finding
from carlos_tasks.ledger.records import TABLES, contents


def record_findings(con: duckdb.DuckDBPyConnection, evidence: Evidence) -> Iterator[Finding]:
    """Faults of the records against their entries."""
    for kind in TABLES:
        if kind not in evidence.records:
            continue
        entries: dict[str, Entry] = {}
        for entry in evidence.entries:
            if entry.kind == kind:
                if entry.record_id in entries:
                    yield _of(
                        entry, "duplicate", f"position {entries[entry.record_id].position} has entered it already"
                    )
                entries.setdefault(entry.record_id, entry)
        yield from _of_kind(con, evidence, kind, entries)
    known = {*TABLES, "report", "release"}
    for entry in evidence.entries:
        if entry.kind not in known:
            yield _of(entry, "unreadable", "no record is of this kind")


def _of_kind(
    con: duckdb.DuckDBPyConnection, evidence: Evidence, kind: str, entries: dict[str, Entry]
) -> Iterator[Finding]:
    seen: set[str] = set()
    for record_id, content in evidence.records[kind]:
        entry = entries.get(record_id)
        if record_id in seen:
            yield Finding("duplicate", "its row stands twice", entry.position if entry else None, kind, record_id)
            continue
        seen.add(record_id)
        if entry is None:
            if evidence.entries or not _is_of_before(evidence, kind, content):
                yield Finding("not_entered", "it has no entry: it was slipped in", None, kind, record_id)
            continue
        if _hash(content) != entry.content_hash:
            yield _of(entry, "changed", _what_changed(con, entry, content))
        else:
            yield from _times(evidence, kind, entry, content)
    for record_id, entry in entries.items():
        if record_id not in seen:
            yield _of(entry, "deleted", _what_became(con, entry))


def _times(evidence: Evidence, kind: str, entry: Entry, content: Row) -> Iterator[Finding]:
    recorded_at = content[TABLES[kind].time_column]
    if entry.is_late:
        if evidence.begun_at is not None and recorded_at > evidence.begun_at:
            yield _of(entry, "backdated", "it says that its record is of before the chain, and the record is younger")
    elif recorded_at != entry.entered_at:
        yield _of(entry, "backdated", "its record bears another time than its entry")
    batch_id = content.get("batch_id")
    approved = {record_id for record_id, _ in evidence.records.get("approval", ())}
    if kind == "decision" and not entry.is_late and batch_id is not None and batch_id not in approved:
        yield _of(entry, "not_approved", f"nobody has approved its batch, {batch_id}")
    read_at = content.get("snapshot_id")
    if kind == "decision" and not entry.is_late and read_at is not None and read_at > entry.based_on:
        yield _of(entry, "backdated", f"its evidence is of snapshot {read_at}, which was yet to come")


def _is_of_before(evidence: Evidence, kind: str, content: Row) -> bool:
    """Whether a record is of before the lake had a chain, which nothing was entered into so far."""
    recorded_at = content.get(TABLES[kind].time_column)
    return evidence.begun_at is None or (recorded_at is not None and recorded_at <= evidence.begun_at)


def _what_changed(con: duckdb.DuckDBPyConnection, entry: Entry, now: Row) -> str:
    """Say how a record differs from what was entered, as far as the snapshot that brought it still tells."""
    before = _as_entered(con, entry)
    if before is None:
        return "its content is not what was entered"
    if _hash(before) != entry.content_hash:
        return f"not what was entered; not at snapshot {entry.based_on + 1} either: its file was rewritten in place"
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return f"{', '.join(names)}: not what was entered; snapshot {entry.based_on + 1} has what was"


def _what_became(con: duckdb.DuckDBPyConnection, entry: Entry) -> str:
    before = _as_entered(con, entry)
    if before is not None and _hash(before) == entry.content_hash:
        return f"its row is gone; snapshot {entry.based_on + 1} has it"
    return "its row is gone"


def _as_entered(con: duckdb.DuckDBPyConnection, entry: Entry) -> Row | None:
    """The record at the snapshot that brought its entry; None: it is not there, or the snapshot was given up."""
    try:
        found = contents(con, entry.kind, [entry.record_id], entry.based_on + 1)
    except (duckdb.Error, ValueError, OverflowError):
        return None
    return found[0][1] if found else None


def _hash(content: Row) -> str | None:
    try:
        return content_hash(content)
    except ValueError:
        return None


def _of(entry: Entry, fault: str, detail: str) -> Finding:
    return Finding(fault, detail, entry.position, entry.kind, entry.record_id)
