"""The parquet files behind the lake's tables, as DuckLake's catalog has them: listing them, and letting go of some.

A file whose bytes are gone cannot be deleted by SQL, which would have to read it. It is let go of in the catalog
itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from carlos_tasks.lake.place import store_of, urls_of

# Where DuckLake attaches its own tables.
_CATALOG = "__ducklake_metadata_carlos"

# One row per file that any snapshot knows, deletes too; `url` is what DuckDB opens. Names of tables take no parameters.
_FILES = f"""
with place as (
    select
        its.table_id,
        schema_name || '.' || table_name as table_name,
        -- With a plain slash between: each of the three ends in one.
        (select data_path from ducklake_settings('carlos')) || its_schema.path || its.path as folder
    from {_CATALOG}.ducklake_table as its
    inner join {_CATALOG}.ducklake_schema as its_schema using (schema_id)
    where its.path_is_relative and its_schema.path_is_relative
),

file as (
    select table_id, path, path_is_relative, begin_snapshot, end_snapshot, data_file_id, file_size_bytes
    from {_CATALOG}.ducklake_data_file
    union all
    select table_id, path, path_is_relative, begin_snapshot, end_snapshot, null as data_file_id, file_size_bytes
    from {_CATALOG}.ducklake_delete_file
)

select distinct
    table_name,
    if(path_is_relative, folder || file.path, file.path) as url,
    path_is_relative as is_own,
    begin_snapshot,
    end_snapshot is null as is_current,
    data_file_id,
    file_size_bytes
from file
inner join place using (table_id)
"""  # noqa: S608


@dataclass(frozen=True)
class DataFile:
    """A file of the lake, by its key in the store.

    `is_own`: DuckLake wrote it, where shards are only registered. `begin`: its snapshot.
    """

    table: str
    key: str
    is_own: bool
    begin: int
    is_current: bool
    size_bytes: int


def data_files(con: duckdb.DuckDBPyConnection, *, after: int = -1) -> list[DataFile]:
    """The files that came with snapshots after this one, in order; those of expired snapshots are not known."""
    found = con.execute(
        f"select table_name, url, is_own, begin_snapshot, bool_or(is_current), max(file_size_bytes) from ({_FILES}) "  # noqa: S608
        "where begin_snapshot > $after group by all order by begin_snapshot, url",
        {"after": after},
    ).fetchall()
    place = store_of(con)
    return [DataFile(table, url.removeprefix(f"{place}/"), *facts) for table, url, *facts in found]


def let_go(con: duckdb.DuckDBPyConnection, table: str, keys: Sequence[str]) -> int:
    """Take files out of the newest snapshot, without reading them; returns how many were in it.

    Run it outside a transaction: the catalog is another database than the lake. Snapshots before the newest one still
    name the files, so that what they say of other files stands.
    """
    if not keys:
        return 0
    (n_files,) = con.execute(
        f"update {_CATALOG}.ducklake_data_file "  # noqa: S608
        f"set end_snapshot = (select max(snapshot_id) from {_CATALOG}.ducklake_snapshot) "
        f"where end_snapshot is null and data_file_id in (select data_file_id from ({_FILES}) "
        "where is_current and table_name = $table and list_contains($urls::varchar[], url))",
        {"table": table, "urls": urls_of(con, keys)},
    ).fetchall()[0]
    return int(n_files)
