"""Merging the small files that each commit leaves: nearly every statement looks through the catalog's list of files.

DuckLake merges files of one table that follow each other, and what each snapshot has stays told apart inside of them.
The files that were merged go on lying in the store until `clean_up` removes them.
"""

from contextlib import nullcontext
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Compacted:
    """A table, and how many small files of how many bytes were merged, or would be."""

    table: str
    n_files: int
    n_bytes: int


def compact(settings: Settings, at_least: int = AT_LEAST, *, dry_run: bool = False) -> list[Compacted]:
    """Merge the small files of tables that have many, each table in a transaction of its own.

    Killed in between, what was merged stays merged, and the next call goes on. Rows, snapshots and what a snapshot says
    stay as they are.

    Args:
        settings: where the lake lies.
        at_least: small files that a table has to have.
        dry_run: change nothing, and tell what would be merged.

    Raises:
        NotFound: there is no lake.
        PassingError: a commit came in between, or catalog or storage did not answer; run it again.
    """
    asked = {"at_least": at_least, "small_bytes": SMALL_BYTES}
    with connect(settings, read_only=dry_run, create=False) as con, lake_errors():
        found = rows(con, statement("ask/commit/small_files"), asked)
        for row in () if dry_run else found:
            name = f"{row['schema_name']}.{row['table_name']}"
            # Listings are told by no order, and their row groups are bounded in bytes (`rows_in_any_order`).
            order = rows_in_any_order(con) if row["schema_name"] == "raw" else nullcontext()
            with order, transaction(con, "compact", {"table": name, "n_files": row["n_files"]}):
                con.execute(
                    "call ducklake_merge_adjacent_files('carlos', $table, schema => $schema, max_file_size => $most)",
                    {"table": row["table_name"], "schema": row["schema_name"], "most": SMALL_BYTES},
                )
    return [Compacted(f"{row['schema_name']}.{row['table_name']}", row["n_files"], row["n_bytes"]) for row in found]
