"""Bringing the catalog up to date with `sql/`, in one snapshot, and in none where nothing changed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from carlos_tasks.lake.catalog_indexes import add_indexes
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.place import store_of
from carlos_tasks.lake.sql_files import SqlFile, sql_files
from carlos_tasks.lake.statements import run_statement
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import NO_SHARDS_KEY

_EMBEDDING_VIEW = "views/02_core_embedding.sql"
_MACRO = re.compile(r"^create (?:or replace )?macro ([\w.]+)", re.MULTILINE)


def migrate(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Apply the files of sql/ that the catalog has not seen in this form; return their paths.

    A changed file makes every later one apply again, since DuckDB binds a view's macros when the view is made.
    All in one transaction: a catalog is at the old state or at the new one.
    """
    wanted = sql_files()
    with lake_errors():
        applied = _applied(con)
        first = next((i for i, file in enumerate(wanted) if applied.get(file.path) != file.sha256), len(wanted))
        todo = wanted[first:]
        if todo:
            add_indexes(con)
            _apply(con, todo)
    return [file.path for file in todo]


def _applied(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    try:
        newest = con.execute("select path, arg_max(sha256, applied_at) from core.migration group by path").fetchall()
    except duckdb.CatalogException:
        # An empty catalog. Asking for the list of its tables first would load every table, in each writer, for nothing.
        return {}
    return dict(newest)


def _apply(con: duckdb.DuckDBPyConnection, todo: list[SqlFile]) -> None:
    # What only reads has no use for it, nor for what it imports.
    from carlos_tasks.lake.shards import no_rows

    open_store(store_of(con)).write(NO_SHARDS_KEY, no_rows())
    with rows_in_any_order(con), transaction(con, "migrate", {"files": len(todo)}):
        for file in todo:
            if file.path == _EMBEDDING_VIEW:
                _take_embeddings_out(con)
            con.execute(file.text)
        _put_macro_comments(con)
        rows = [[file.path for file in todo], [file.sha256 for file in todo]]
        con.execute("insert into core.migration select unnest($1), unnest($2), now()", rows)


def _take_embeddings_out(con: duckdb.DuckDBPyConnection) -> None:
    """Make way for the view core.embedding, which was a table whose files the catalog knew.

    Their rows go into the manifest; snapshots of before go on reading the table.
    """
    ((n_tables,),) = con.execute(
        "select count(*) from __ducklake_metadata_carlos.ducklake_table "
        "where table_name = 'embedding' and end_snapshot is null"
    ).fetchall()
    if not n_tables:
        return
    # A lake may have a manifest already that wanted every hash.
    wanted = con.execute(
        "select column_name from duckdb_columns() where database_name = 'carlos' and schema_name = 'core' "
        "and table_name = 'embedding_shard' and not is_nullable and contains(column_name, 'sha256')"
    ).fetchall()
    for (column,) in wanted:
        con.execute(f"alter table core.embedding_shard alter column {column} drop not null")
    run_statement(con, "take_embeddings_out")
    con.execute("drop table core.embedding")


@contextmanager
def rows_in_any_order(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let tables be written whose row groups are bounded in bytes (raw.listing): DuckDB refuses it otherwise."""
    ((before,),) = con.execute("select current_setting('preserve_insertion_order')").fetchall()
    con.execute("set preserve_insertion_order = false")
    try:
        yield
    finally:
        con.execute("set preserve_insertion_order = $before", {"before": before})


def _put_macro_comments(con: duckdb.DuckDBPyConnection) -> None:
    """Keep what each macro's file says of it: DuckLake takes no COMMENT on a macro."""
    found = [(name, _opening_comment(file.text)) for file in sql_files() for name in _MACRO.findall(file.text)]
    con.execute("delete from core.macro_comment")
    con.execute(
        "insert into core.macro_comment select unnest($1), unnest($2)", [list(c) for c in zip(*found, strict=True)]
    )


def _opening_comment(text: str) -> str:
    return " ".join(text.partition("/*")[2].partition("*/")[0].split())
