"""Indexes on DuckLake's own tables in a PostgreSQL catalog: DuckLake makes none, and asks by these columns.

SQLite has none: DuckDB reads its tables whole, so that an index would not be looked at.
"""

import duckdb

from carlos_tasks.lake.quoting import literal

_CATALOG = "__ducklake_metadata_carlos"
_INDEXED = {
    "ducklake_data_file": "table_id",
    "ducklake_delete_file": "table_id",
    "ducklake_file_column_stats": "table_id, column_id",
    "ducklake_file_partition_value": "table_id",
}


def add_indexes(con: duckdb.DuckDBPyConnection) -> None:
    """Add those that are not there yet; run it outside a transaction of the lake."""
    kind = "select starts_with(path, 'postgres:') from duckdb_databases() where database_name = 'carlos'"
    if con.execute(kind).fetchall() != [(True,)]:
        return
    for table, columns in _INDEXED.items():
        index = f"create index if not exists carlos_{table} on {table} ({columns})"
        con.execute(f"call postgres_execute({literal(_CATALOG)}, {literal(index)})")
