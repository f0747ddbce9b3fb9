"""Bringing the catalog up to date with `sql/`, in one snapshot, and in none where nothing changed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.sql_files import SqlFile, sql_files
from carlos_tasks.lake.transaction import transaction

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
    with rows_in_any_order(con), transaction(con, "migrate", {"files": len(todo)}):
        for file in todo:
            con.execute(file.text)
        _put_macro_comments(con)
        rows = [[file.path for file in todo], [file.sha256 for file in todo]]
        con.execute("insert into core.migration select unnest($1), unnest($2), now()", rows)


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
