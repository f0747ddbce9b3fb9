"""The statements of `sql/` that Python runs by name: those of `ask/` read, those of `commit/` write.

`ask/` has a folder for each package that asks. A long statement is cut into steps, each a table macro in a folder of
the statement's name that takes the steps before it by their names. They are temporary: the catalog keeps what analysts
may ask, and none of these.
"""

from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.lake.sql_files import sql_folder

if TYPE_CHECKING:
    import pyarrow as pa


@cache
def statement(path: str) -> str:
    """Text of a file of sql/, by its path without the ending, e.g. "ask/retrieval/hits"."""
    return (sql_folder() / f"{path}.sql").read_text(encoding="utf-8")


class Asks(Protocol):
    """A connection that a question can be put to: DuckDB's own, or the one behind the gate."""

    def execute(self, query: str, parameters: Any = ...) -> Any:
        """Run a statement; what comes back has its answer."""
        ...


def rows(con: Asks, query: str, parameters: Row | list[Any] | None = None) -> list[Row]:
    """Run a query; its rows by column name."""
    answer = con.execute(query, parameters or {})
    names = column_names(answer.description)
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def column_names(description: Sequence[Sequence[Any]] | None) -> list[str]:
    """Names of an answer's columns. A second `n` is `n_1`, as DuckDB names it in a table: none is lost in a row."""
    names: list[str] = []
    for name, *_ in description or ():
        free = (f"{name}_{number}" if number else name for number in count())
        names.append(next(candidate for candidate in free if candidate not in names))
    return names


@cache
def steps(path: str) -> tuple[str, ...]:
    """Texts of the files of sql/<path>/: each makes a temporary macro, a step of the statement of that path."""
    return tuple(file.read_text(encoding="utf-8") for file in sorted((sql_folder() / path).glob("*.sql")))


def answer_of(con: duckdb.DuckDBPyConnection, path: str, parameters: Row) -> "pa.Table":
    """The rows that a statement of sql/ask gives, with its steps in reach."""
    for step in steps(path):
        con.execute(step)
    return con.execute(statement(path), parameters).to_arrow_table()


def run_statement(con: duckdb.DuckDBPyConnection, name: str, parameters: Row | None = None) -> int:
    """Run a statement of sql/commit, with its steps in reach; return how many rows it added or changed."""
    path = f"commit/{name}"
    for step in steps(path):
        con.execute(step)
    (n_rows,) = con.execute(statement(path), parameters or {}).fetchall()[0]
    return int(n_rows)
