"""The statements of `sql/ask`, which searching runs, and their answers as rows."""

from functools import cache
from typing import Any

import duckdb

from carlos_tasks.lake.migrate import sql_folder

Row = dict[str, Any]


@cache
def statement(name: str) -> str:
    """Text of `sql/ask/<name>.sql`."""
    return (sql_folder() / "ask" / f"{name}.sql").read_text(encoding="utf-8")


def rows(con: duckdb.DuckDBPyConnection, query: str, parameters: Row | None = None) -> list[Row]:
    """Run a query; its rows by column name."""
    answer = con.execute(query, parameters or {})
    names = [column[0] for column in answer.description or []]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
