"""Entries of reports, as the ledger of a lake has them."""

import duckdb

from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.ledger.entry import Entry


def entry_of(con: duckdb.DuckDBPyConnection, kind: str, record_id: str) -> Entry | None:
    """The entry of a record; None where there is none, or the lake is of before it had a ledger."""
    try:
        found = rows(con, statement("ask/ledger/entries_of"), {"kind": kind, "record_ids": [record_id]})
    except duckdb.CatalogException:
        return None
    return Entry(**found[0]) if found else None
