"""The parquet files behind the lake's tables, as DuckLake's catalog has them: listing them, and letting go of some."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from carlos_tasks.lake.place import data_path, store_of
from carlos_tasks.lake.statements import rows, run_statement, statement


@dataclass(frozen=True)
class DataFile:
    """A file of the lake, by its key in the store.

    `is_own`: DuckLake wrote it, where shards of an older version are only registered. `begin`, `last`: the snapshots
    that its first and last rows came with; one, unless it was merged. `is_current`: the newest snapshot has it.
    `data_file_id`: its number in the catalog, None for a file of deletes.
    """

    table: str
    key: str
    is_own: bool
    begin: int
    last: int
    is_current: bool
    size_bytes: int
    data_file_id: int | None


def data_files(con: duckdb.DuckDBPyConnection, *, after: int = -1, from_file: int | None = None) -> list[DataFile]:
    """The files that came with snapshots after this one, in order; those of expired snapshots are not known.

    Args:
        con: the lake.
        after: the snapshot; -1: all files.
        from_file: files with this number in the catalog and later ones as well, whatever snapshot their rows came with.
    """
    place = store_of(con)
    asked = {"data_path": data_path(place), "after": after, "from_file": from_file}
    found = rows(con, statement("ask/lake/data_files"), asked)
    return [
        DataFile(
            row["table_name"],
            row["url"].removeprefix(f"{place}/"),
            row["is_own"],
            row["begin_snapshot"],
            row["last_snapshot"],
            row["is_current"],
            row["n_bytes"],
            row["data_file_id"],
        )
        for row in found
    ]


def let_go(con: duckdb.DuckDBPyConnection, table: str, keys: Sequence[str]) -> int:
    """Take files out of the newest snapshot, without reading them; returns how many were in it.

    Run it outside a transaction: the catalog is another database than the lake. Snapshots before the newest one still
    name the files, so that what they say of other files stands.
    """
    if not keys:
        return 0
    named = set(keys)
    found = [file for file in data_files(con) if file.is_current and file.table == table and file.key in named]
    ids = [file.data_file_id for file in found if file.data_file_id is not None]
    return run_statement(con, "let_go", {"data_file_ids": ids})
