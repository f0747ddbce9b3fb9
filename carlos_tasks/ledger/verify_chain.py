"""Whether the entries are one chain: positions without gaps, hashes that link, times that never run backwards."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby, pairwise

from carlos_tasks.ledger.entry import NO_HASH, Entry
from carlos_tasks.ledger.evidence import Evidence
from carlos_tasks.ledger.findings import Finding

# A commit's own time is taken later than its entries' by what the transaction still does; and the clock of a catalog's
# server may differ from that of whoever commits.
_LONGEST_COMMIT = timedelta(hours=1)
_CLOCKS_DIFFER = timedelta(minutes=5)


def chain_findings(evidence: Evidence) -> Iterator[Finding]:
    """Faults of the entries among themselves, and against the snapshots."""
    yield from _places(evidence.entries)
    yield from _links(evidence.entries)
    for entry, committed_in in zip(evidence.entries, evidence.committed_in, strict=True):
        yield from _own_faults(entry)
        yield from _against_snapshots(evidence, entry, committed_in)


def _places(entries: list[Entry]) -> Iterator[Finding]:
    expected = 1
    for position, standing in groupby(entries, key=lambda entry: entry.position):
        same = list(standing)
        if position > expected:
            last = f" to {position - 1}" if position - 1 > expected else ""
            yield Finding("gap", f"the entry is missing{last}", expected)
        for entry in same[1:]:
            yield _of(entry, "fork", f"{len(same)} entries stand at this position")
        expected = max(expected, position + 1)


def _links(entries: list[Entry]) -> Iterator[Finding]:
    for before, entry in pairwise(entries):
        if entry.position == before.position + 1 and entry.previous_hash != before.entry_hash:
            yield _of(entry, "broken_link", f"it does not name the hash of position {before.position}")
        if entry.entered_at < before.entered_at:
            yield _of(entry, "backwards", f"it was entered before position {before.position} by its time")
        elif entry.entered_at == before.entered_at and entry.based_on != before.based_on:
            yield _of(entry, "backwards", f"it bears the time of position {before.position}, of another commit")
        if entry.based_on < before.based_on:
            yield _of(entry, "backwards", f"it names an earlier snapshot than position {before.position}")
        if entry.is_late and not before.is_late:
            yield _of(entry, "backdated", "it says that its record is of before the chain, and the chain had begun")
    if entries and entries[0].position == 1 and entries[0].previous_hash != NO_HASH:
        yield _of(entries[0], "broken_link", "the first entry names one before it")


def _own_faults(entry: Entry) -> Iterator[Finding]:
    try:
        is_own = entry.own_hash() == entry.entry_hash
    except ValueError:
        is_own = False
    if not is_own:
        yield _of(entry, "altered_entry", "its hash is not that of its fields")
    if entry.clock_at > entry.entered_at:
        yield _of(entry, "backdated", "it bears a time before that of its clock")


def _against_snapshots(evidence: Evidence, entry: Entry, committed_in: int) -> Iterator[Finding]:
    if committed_in != entry.based_on + 1:
        yield _of(entry, "history", f"it was written in snapshot {committed_in} and says {entry.based_on + 1}")
    base, commit = (evidence.snapshots.get(number) for number in (entry.based_on, committed_in))
    if base and entry.entered_at < base.committed_at:
        yield _of(entry, "backdated", f"snapshot {entry.based_on}, which it names, was committed later")
    if commit and entry.clock_at > commit.committed_at + _CLOCKS_DIFFER:
        yield _of(entry, "backwards", f"its time is after that of snapshot {committed_in}, which brought it")
    if commit and entry.clock_at < commit.committed_at - _LONGEST_COMMIT:
        yield _of(entry, "backdated", f"its time is long before that of snapshot {committed_in}, which brought it")


def _of(entry: Entry, fault: str, detail: str) -> Finding:
    return Finding(fault, detail, entry.position, entry.kind, entry.record_id)
