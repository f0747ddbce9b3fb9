"""What a verification reads: the chain, the records, the snapshots and the keys, each read once.

A table whose files cannot be read, or whose rows hold what no entry can, is a finding; the rest is read all the same.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import orjson

from carlos_tasks.aliases import Row
from carlos_tasks.lake.faults import redact
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.ledger.entry import Entry
from carlos_tasks.ledger.findings import Finding
from carlos_tasks.ledger.public_keys import PublicKeys
from carlos_tasks.ledger.records import TABLES, contents

_NEEDED = (
    *("position", "kind", "record_id", "content_hash", "previous_hash", "entry_hash"),
    *("entered_at", "clock_at", "based_on", "is_late"),
)


@dataclass(frozen=True)
class Snapshot:
    """A commit of the lake.

    Attributes:
        committed_at: when.
        head: of the chain, as the commit noted it: position and hash, if any.
        deleted_from: ids of the tables that it took rows out of, or changed rows of.
    """

    committed_at: datetime
    head: tuple[int, str] | None = None
    deleted_from: frozenset[int] = frozenset()


@dataclass
class Evidence:
    """What stands in the lake.

    Attributes:
        entries: the chain by position; one whose row cannot be an entry is left out, and a finding.
        committed_in: by place in `entries`, the snapshot that brought the entry.
        records: content by kind, as (record_id, content) pairs; a kind that cannot be read is absent.
        snapshots: those that are kept, by number.
        keys: public keys.
        begun_at: when the lake got its chain.
        findings: what could not be read.
    """

    entries: list[Entry] = field(default_factory=list)
    committed_in: list[int] = field(default_factory=list)
    records: dict[str, list[tuple[str, Row]]] = field(default_factory=dict)
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    keys: PublicKeys = field(default_factory=PublicKeys)
    begun_at: datetime | None = None
    findings: list[Finding] = field(default_factory=list)


def read_evidence(con: duckdb.DuckDBPyConnection) -> Evidence:
    """Read what a verification needs.

    Raises:
        duckdb.CatalogException: the lake is of before it had a chain.
    """
    found = Evidence()
    for row in rows(con, statement("ask/ledger/snapshot_times")):
        deleted_from = frozenset(map(int, row["deleted_from"] or ()))
        found.snapshots[row["snapshot_id"]] = Snapshot(row["snapshot_time"], _noted_head(row["facts"]), deleted_from)
    ((_, found.begun_at),) = con.execute(statement("ask/ledger/times_before"), {"snapshot": 0}).fetchall()
    _read_entries(con, found)
    for kind, place in TABLES.items():
        try:
            found.records[kind] = contents(con, kind)
        except duckdb.CatalogException:
            raise
        except (duckdb.Error, ValueError, OverflowError) as exc:
            found.findings.append(Finding("unreadable", f"{place.table} cannot be read: {_said(exc)}"))
    found.keys = PublicKeys.of_rows(_by_time(found.records.get("key", [])))
    return found


def _read_entries(con: duckdb.DuckDBPyConnection, found: Evidence) -> None:
    try:
        read = rows(con, statement("ask/ledger/entries"))
    except duckdb.CatalogException:
        raise
    except (duckdb.Error, ValueError, OverflowError) as exc:
        found.findings.append(Finding("unreadable", f"core.ledger cannot be read: {_said(exc)}"))
        return
    for row in read:
        committed_in = row.pop("committed_in")
        position = row["position"]
        if any(row[name] is None for name in _NEEDED):
            found.findings.append(Finding("unreadable", "a column that an entry needs is null", position))
            continue
        found.entries.append(Entry(**row))
        found.committed_in.append(committed_in)


def _by_time(keys: list[tuple[str, Row]]) -> list[Row]:
    """Rows of core.signing_key with their nulls, in the order in which they were recorded."""
    columns = ("change", "key_id", "public_key", "name", "role", "analyst", "valid_from", "valid_until", "recorded_at")
    whole: list[dict[str, Any]] = [{name: content.get(name) for name in columns} for _, content in keys]
    return sorted(
        (row for row in whole if row["valid_from"] and row["recorded_at"]), key=lambda row: row["recorded_at"]
    )


def _noted_head(facts: str | None) -> tuple[int, str] | None:
    """The head that a commit noted in what it said of itself."""
    try:
        position, entry_hash = orjson.loads(facts or "{}")["head"]
        return int(position), str(entry_hash)
    except (ValueError, KeyError, TypeError):
        return None


def _said(exc: Exception) -> str:
    return " ".join(redact(str(exc)).split())[:200]
