"""The statements of `sql/` that Python runs by name: those of `ask/` read, those of `commit/` write.

`ask/` has a folder for each package that asks. A long statement of `commit/` is cut into steps, each a table macro in a
folder of the statement's name that takes the steps before it by their names. They are temporary: the catalog keeps what
analysts may ask, and none of these.
"""

import re
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
def steps(name: str) -> tuple[str, ...]:
    """Texts of the files of sql/commit/<name>/: each makes a temporary macro, a step of the statement of that name."""
    folder = sql_folder() / "commit" / name
    return tuple(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.sql")))


def computed(con: duckdb.DuckDBPyConnection, name: str, parameters: Row) -> "pa.Table":
    """Compute the rows that an inserting statement of sql/commit would insert, and insert none."""
    for step in steps(name):
        con.execute(step)
    (table,) = re.findall(r"insert into (core\.\w+) by name", statement(f"commit/{name}"))
    # A table of its own columns: what is inserted is cast to them.
    con.execute(f"create or replace temp table computed as from {table} limit 0")
    con.execute(statement(f"commit/{name}").replace(f"insert into {table}", "insert into temp.computed"), parameters)
    found = con.execute("from temp.computed").to_arrow_table()
    con.execute("drop table temp.computed")
    return found


def run_statement(con: duckdb.DuckDBPyConnection, name: str, parameters: Row | None = None) -> int:
    """Run a statement of sql/commit, with its steps in reach; return how many rows it added or changed."""
    for step in steps(name):
        con.execute(step)
    (n_rows,) = con.execute(statement(f"commit/{name}"), parameters or {}).fetchall()[0]
    return int(n_rows)
