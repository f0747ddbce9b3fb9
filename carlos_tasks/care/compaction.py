"""Merging the small files that each commit leaves: nearly every statement looks through the catalog's list of files.

DuckLake merges files of one table that follow each other, and what each snapshot has stays told apart inside of them.
It passes over files of which rows were deleted, so those are written anew first. The files that were merged go on lying
in the store until `clean_up` removes them; those that were written anew, as long as a snapshot has them.
"""

from contextlib import nullcontext
from dataclasses import dataclass

import duckdb

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.migrate import rows_in_any_order
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.settings import Settings

#: A table with so many small files is merged: two months of nights.
AT_LEAST = 64
#: Files of this size and more are left as they are.
SMALL_BYTES = 256 * 2**20


_CALLS = (
    "call ducklake_rewrite_data_files('carlos', $table, schema => $schema, delete_threshold => 0.000001)",
    "call ducklake_merge_adjacent_files('carlos', $table, schema => $schema, max_file_size => $most)",
)


@dataclass(frozen=True)
class Compacted:
    """A table, and how many small files of how many bytes were merged, or would be."""

    table: str
    n_files: int
    n_bytes: int


def compact(settings: Settings, at_least: int = AT_LEAST, *, dry_run: bool = False) -> list[Compacted]:
    """Merge the small files of tables that have many, each step of a table in a transaction of its own.

    Killed in between, what was merged stays merged, and the next call goes on. Rows, snapshots and what a snapshot says
    stay as they are.

    Args:
        settings: where the lake lies.
        at_least: small files that a table has to have.
        dry_run: change nothing, and tell of which tables files would be merged.

    Returns:
        The tables, sorted; those of which nothing could be merged are left out.

    Raises:
        NotFound: there is no lake.
        PassingError: a commit came in between, or catalog or storage did not answer; run it again.
    """
    with connect(settings, read_only=dry_run, create=False) as con, lake_errors():
        found = _small_files(con, at_least)
        if not dry_run:
            for table in found:
                _merge(con, table)
            left = {table.table: table.n_files for table in _small_files(con, 1)}
            found = [table for table in found if left.get(table.table, 0) < table.n_files]
    return found


def _small_files(con: duckdb.DuckDBPyConnection, at_least: int) -> list[Compacted]:
    asked = {"at_least": at_least, "small_bytes": SMALL_BYTES}
    return [Compacted(**row) for row in rows(con, statement("ask/care/small_files"), asked)]


def _merge(con: duckdb.DuckDBPyConnection, table: Compacted) -> None:
    schema, _, name = table.table.partition(".")
    # Listings are told by no order, and their row groups are bounded in bytes (`rows_in_any_order`).
    with rows_in_any_order(con) if schema == "raw" else nullcontext():
        for call in _CALLS:
            with transaction(con, "compact", {"table": table.table, "n_files": table.n_files}):
                given = {"table": name, "schema": schema, "most": SMALL_BYTES}
                con.execute(call, {key: value for key, value in given.items() if f"${key}" in call})
