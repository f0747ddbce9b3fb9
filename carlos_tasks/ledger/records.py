"""Where the records lie that the chain has entries of, and their content as it is hashed."""

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger.canonical import without_nulls


@dataclass(frozen=True)
class RecordTable:
    """A table whose rows have entries: its name, the column that names a row, and when a row was committed."""

    table: str
    id_column: str
    time_column: str = "recorded_at"


#: By kind of entry. The content of a record is its row without the columns that are null.
TABLES = {
    "decision": RecordTable("core.decision", "decision_id", "decided_at"),
    "notice": RecordTable("core.notice", "notice_id"),
    "approval": RecordTable("core.approval", "batch_id"),
    "submission": RecordTable("core.submission", "submission_id"),
    "key": RecordTable("core.signing_key", "change_id"),
}


def contents(
    con: duckdb.DuckDBPyConnection, kind: str, record_ids: Iterable[str] | None = None, snapshot: int | None = None
) -> list[tuple[str, Row]]:
    """Read records of one kind: id and content, in the order of their ids. An id that stands twice comes twice.

    Args:
        con: the lake.
        kind: one of `TABLES`.
        record_ids: which; None: all.
        snapshot: as they were then; None: as the connection sees them.
    """
    place = TABLES[kind]
    # Names of TABLES, which no one outside gives: SQL takes no parameter in their place.
    query = f"from {place.table}{'' if snapshot is None else ' at (version => $snapshot)'}"
    if record_ids is not None:
        query += f" where {place.id_column} in (select unnest($ids::varchar[]))"
    parameters: Row = {} if snapshot is None else {"snapshot": snapshot}
    if record_ids is not None:
        parameters["ids"] = list(record_ids)
    found = rows(con, f"{query} order by {place.id_column}", parameters)
    return [(str(row[place.id_column]), without_nulls(row)) for row in found]
