"""Entering records: each entry names the hash of its record's content and the hash of the entry before it.

An entry is written in the transaction that writes its record: both are there, or none. Two commits at once cannot both
stand on one head: the lake takes one of them, and the other is run again from its beginning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Row
from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.register import registered
from carlos_tasks.lake.statements import rows, run_statement, statement
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.ledger.canonical import canonical_json, content_hash, without_nulls
from carlos_tasks.ledger.entry import ENTRY, NO_HASH, Entry, Head, Moment, linked_behind
from carlos_tasks.ledger.keys import Signer
from carlos_tasks.ledger.may_sign import check_analyst, check_signer
from carlos_tasks.ledger.public_keys import PublicKeys, encoded
from carlos_tasks.ledger.records import TABLES, contents

_INSTANT = timedelta(microseconds=1)
__all__ = ["Entry", "Head", "Moment", "enter", "enter_many", "entry_of", "head", "head_facts", "last_entry", "moment"]


def head(con: duckdb.DuckDBPyConnection) -> Head | None:
    """The head of the chain as the connection sees the lake; None: nothing was entered yet."""
    entry = last_entry(con)
    if entry is None:
        return None
    return Head(entry.position, entry.entry_hash, entry.entered_at, entry.key_id, entry.signature)


def last_entry(con: duckdb.DuckDBPyConnection) -> Entry | None:
    """The entry of the highest position; None: nothing was entered yet, or the lake is of before it had a chain."""
    try:
        found = rows(con, statement("ask/ledger/last_entry"))
    except duckdb.CatalogException:
        return None
    return Entry(**found[0]) if found else None


def entry_of(con: duckdb.DuckDBPyConnection, kind: str, record_id: str) -> Entry | None:
    """The entry of a record; None where there is none, or the lake is of before it had a chain."""
    try:
        found = _entered(con, kind, [record_id])
    except duckdb.CatalogException:
        return None
    return Entry(**found[0]) if found else None


def head_facts(con: duckdb.DuckDBPyConnection) -> Row:
    """What a commit that entered something says of itself (`mart.commit_log`): the head, noted in the catalog too."""
    entry = last_entry(con)
    return {"head": [entry.position, entry.entry_hash]} if entry else {}


def moment(con: duckdb.DuckDBPyConnection, now: datetime | None = None) -> Moment:
    """When the transaction's records are entered: one time for all of them, after every entry and snapshot before.

    A clock that was set back refuses no decision: its time is moved on to just behind the last entry, and `clock_at`
    keeps what the clock said.

    Args:
        con: the lake, inside a transaction.
        now: what the clock says; None: it is asked.
    """
    last, base = last_entry(con), snapshot_id(con)
    if last is not None and last.based_on == base:  # entered by this very transaction
        return Moment(last.entered_at, last.clock_at)
    clock_at = now or datetime.now(UTC)
    ((based_at, begun_at),) = con.execute(statement("ask/ledger/times_before"), {"snapshot": base}).fetchall()
    earliest = [begun_at + _INSTANT, based_at, *([last.entered_at + _INSTANT] if last else [])]
    return Moment(max(clock_at, *earliest), clock_at)


def enter(
    con: duckdb.DuckDBPyConnection,
    signer: Signer | None,
    kind: str,
    record_id: str,
    content: Mapping[str, Any] | None = None,
) -> Entry:
    """Enter one record; arguments, result and errors as `enter_many`."""
    (entry,) = enter_many(con, signer, kind, {record_id: content})
    return entry


def enter_many(
    con: duckdb.DuckDBPyConnection,
    signer: Signer | None,
    kind: str,
    records: Mapping[str, Mapping[str, Any] | None] | Sequence[str],
    *,
    analyst_signer: Signer | None = None,
    at: Moment | None = None,
) -> list[Entry]:
    """Enter records of one kind, in their order; one that was entered already, with this content, is not entered again.

    Args:
        con: the lake, inside the transaction that has written the records.
        signer: the deployment's key, or that of the analyst whose decision it is; None: recorded, not signed.
        kind: decision, notice, approval, submission, key, report or release.
        records: content by record_id; None: the row of the kind's table, without nulls.
        analyst_signer: who decided signs each record's content too.
        at: when; None: `moment`.

    Raises:
        PermanentError: the lake's entries are signed and there is no signer; or its key may not sign this; or a record
            was entered with another content.
    """
    at = at or moment(con)
    found = _contents(con, kind, records)
    last, keys = last_entry(con), PublicKeys.of_lake(con)
    entered = {row["record_id"]: Entry(**row) for row in _entered(con, kind, list(found))}
    added = [content["key_id"] for content in found.values() if kind == "key" and content["change"] == "add"]
    entries: list[Entry] = []
    if last is None:
        entries += _before_the_chain(con, at, {kind: set(found)})
    for record_id, content in found.items():
        if record_id in entered:
            if entered[record_id].content_hash != content_hash(content):
                raise PermanentError(f"{kind} {record_id} was entered with another content: nothing is written")
            continue
        check_signer(keys, signer, kind, content, at.at, added)
        new = _entry(con, kind, record_id, content, at)
        if analyst_signer is not None:
            check_analyst(keys, analyst_signer, kind, content, at.at)
            new = replace(
                new,
                analyst_key_id=analyst_signer.key_id,
                analyst_signature=encoded(analyst_signer.sign(canonical_json(content))),
            )
        entries.append(new)
    linked = linked_behind(last, entries, signer)
    if linked:
        with registered(con, "entries", pa.Table.from_pylist([vars(one) for one in linked], schema=ENTRY)):
            run_statement(con, "add_entries")
    by_id = entered | {one.record_id: one for one in linked if one.kind == kind}
    return [by_id[record_id] for record_id in found]


def _contents(
    con: duckdb.DuckDBPyConnection, kind: str, records: Mapping[str, Mapping[str, Any] | None] | Sequence[str]
) -> dict[str, Row]:
    given = records if isinstance(records, Mapping) else dict.fromkeys(records)
    asked = [record_id for record_id, content in given.items() if content is None]
    read = dict(contents(con, kind, asked)) if asked else {}
    if missing := [record_id for record_id in asked if record_id not in read]:
        raise ValueError(f"{kind} {missing[0]} is not in the lake: it cannot be entered")
    return {
        record_id: read[record_id] if content is None else without_nulls(dict(content))
        for record_id, content in given.items()
    }


def _entered(con: duckdb.DuckDBPyConnection, kind: str, record_ids: list[str]) -> list[Row]:
    return rows(con, statement("ask/ledger/entries_of"), {"kind": kind, "record_ids": record_ids})


def _before_the_chain(con: duckdb.DuckDBPyConnection, at: Moment, known: Mapping[str, set[str]]) -> list[Entry]:
    """Entries of the records that are older than the chain, the oldest first; they say that they came late.

    Raises:
        PermanentError: the lake has keys, which have entries: the chain was there, and is gone.
    """
    if any(change_id not in known.get("key", ()) for change_id, _ in contents(con, "key")):
        raise PermanentError(
            "the chain of this lake is gone, and its keys are not: carlos decisions verify says what is missing; "
            "nothing is written"
        )
    begun_at = _begun_at(con)
    late = []
    for kind, place in TABLES.items():
        for record_id, content in contents(con, kind):
            if record_id not in known.get(kind, ()) and content[place.time_column] <= begun_at:
                late.append((content[place.time_column], kind, record_id, content))
    late.sort(key=lambda one: one[:3])
    return [replace(_entry(con, kind, record_id, of, at), is_late=True) for _, kind, record_id, of in late]


def _begun_at(con: duckdb.DuckDBPyConnection) -> datetime:
    """When the lake got its chain."""
    ((_, begun_at),) = con.execute(statement("ask/ledger/times_before"), {"snapshot": 0}).fetchall()
    return begun_at


def _entry(con: duckdb.DuckDBPyConnection, kind: str, record_id: str, content: Row, at: Moment) -> Entry:
    """An entry without its place in the chain."""
    base = snapshot_id(con)
    return Entry(0, kind, record_id, content_hash(content), NO_HASH, "", at.at, at.clock_at, base)
