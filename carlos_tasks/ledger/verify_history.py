"""Whether the chain was always as it is: what commits noted of its head, former snapshots, and heads kept elsewhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from carlos_tasks.ledger.evidence import Evidence
from carlos_tasks.ledger.findings import Finding
from carlos_tasks.ledger.records import TABLES

# Former snapshots that the chain is read at, spread over all: each costs a query.
_MOST_SNAPSHOTS = 20


@dataclass(frozen=True)
class KeptHead:
    """A head that was kept elsewhere: its hash, and its position where that was kept too."""

    entry_hash: str
    position: int | None = None


def history_findings(con: duckdb.DuckDBPyConnection, evidence: Evidence) -> Iterator[Finding]:
    """Faults that the lake's own past shows."""
    yield from _noted(evidence)
    yield from _former(con, evidence)
    yield from _taken_out(con, evidence)


def kept_findings(evidence: Evidence, kept: KeptHead) -> Iterator[Finding]:
    """Whether a head that was kept elsewhere is still in the chain."""
    standing = [entry for entry in evidence.entries if entry.entry_hash == kept.entry_hash]
    if not standing:
        place = "" if kept.position is None else f" of position {kept.position}"
        newest = evidence.entries[-1].position if evidence.entries else 0
        yield Finding(
            "head",
            f"the head {kept.entry_hash[:16]}…{place} that was kept elsewhere is not in the chain, which ends at "
            f"position {newest}: entries were taken off its end, or it was written anew",
            kept.position,
        )
    elif kept.position is not None and standing[0].position != kept.position:
        yield Finding("head", f"the head that was kept elsewhere stands at {standing[0].position}", kept.position)


def _noted(evidence: Evidence) -> Iterator[Finding]:
    """Each commit that entered something noted the head in the catalog, beside the tables and their files."""
    by_position = {entry.position: entry for entry in evidence.entries}
    for number, snapshot in evidence.snapshots.items():
        if snapshot.head is None:
            continue
        position, entry_hash = snapshot.head
        entry = by_position.get(position)
        if entry is None:
            yield Finding("head", f"snapshot {number} noted it as the head, and it is gone", position)
        elif entry.entry_hash != entry_hash:
            yield Finding("head", f"snapshot {number} noted another hash of it", position, entry.kind, entry.record_id)


def _former(con: duckdb.DuckDBPyConnection, evidence: Evidence) -> Iterator[Finding]:
    """At every former snapshot, the chain was the beginning of what it is."""
    now = {(entry.position, entry.entry_hash) for entry in evidence.entries}
    numbers = sorted(number for number in evidence.snapshots if number >= _first_snapshot(evidence))
    step = max(1, -(-len(numbers) // _MOST_SNAPSHOTS))
    told: set[int] = set()
    for number in numbers[::-step]:
        try:
            then = con.execute(
                "select position, entry_hash from core.ledger at (version => $snapshot)", {"snapshot": number}
            ).fetchall()
        except duckdb.Error:
            continue  # the files of that time were given up
        for position, entry_hash in then:
            if (position, entry_hash) not in now and position not in told:
                told.add(position)
                yield Finding("history", f"snapshot {number} has another entry there than the lake has now", position)


def _taken_out(con: duckdb.DuckDBPyConnection, evidence: Evidence) -> Iterator[Finding]:
    """Nothing is ever deleted from, or changed in, the chain and its records: DuckLake knows what was."""
    first, last = _first_snapshot(evidence), max(evidence.snapshots, default=0)
    places = {kind: (f"core.{kind}", "position::varchar") for kind in ("ledger", "ledger_stamp")}
    places |= {kind: (place.table, place.id_column) for kind, place in TABLES.items()}
    if not evidence.entries:
        # What was taken out before the chain began is no fault of it.
        places = {kind: place for kind, place in places.items() if kind in ("ledger", "ledger_stamp")}
    ids = dict(con.execute("select table_name, table_id from ducklake_table_info('carlos')").fetchall())
    touched = {
        one for number, snapshot in evidence.snapshots.items() if number > first for one in snapshot.deleted_from
    }
    for kind, (table, named) in places.items():
        if ids.get(table.partition(".")[2]) not in touched:
            continue
        schema, _, name = table.partition(".")
        # Names of TABLES, which no one outside gives.
        query = f"select distinct {named} from ducklake_table_deletions('carlos', $schema, $name, $first, $last)"  # noqa: S608
        try:
            found = con.execute(query, {"schema": schema, "name": name, "first": first, "last": last}).fetchall()
        except duckdb.Error:
            continue  # the snapshots of that time were given up
        for (record_id,) in sorted(found, key=str):
            if kind in ("ledger", "ledger_stamp"):
                position = None if record_id is None else int(record_id)
                yield Finding("history", f"its row of core.{kind} was deleted or changed", position)
            else:
                yield Finding("history", "its row was deleted or changed", None, kind, record_id)


def _first_snapshot(evidence: Evidence) -> int:
    """The first snapshot that has entries, of those that are kept."""
    oldest = min(evidence.snapshots, default=0)
    return max(oldest, min(evidence.committed_in, default=oldest))
