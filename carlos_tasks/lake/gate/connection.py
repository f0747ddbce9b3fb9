"""The connection that analysts get: DuckDB behind the gate, under a configuration that no statement changes."""

import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from carlos_tasks.lake.gate.admission import Gate
from carlos_tasks.lake.place import store_of
from carlos_tasks.lake.quoting import literal
from carlos_tasks.lake.representation_copy import give_up_copy
from carlos_tasks.settings import Settings
from carlos_tasks.store import store_uri


class GuardedConnection:
    """A DuckDB connection whose statements pass the gate.

    It has what one asks with, `execute` and `sql`. The answer comes by `fetchone`, `fetchmany`, `fetchall`, `df`,
    `arrow`, `pl`, `fetchnumpy`, or one row after the other in a loop.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, gate: Gate) -> None:
        self._con = con
        self._gate = gate

    def execute(self, query: str, parameters: Any = None) -> Self:
        """Run one statement that reads; ask the answer of what comes back.

        Args:
            query: the statement.
            parameters: a list for `?` and `$1`, or a dictionary for `$name`.

        Raises:
            StatementRefused: the statement asks for more than to read.
            duckdb.Error: it cannot be run.
        """
        admitted = self._gate.admit(query)
        try:
            self._con.execute(admitted, parameters)
        except duckdb.Error as exc:
            if not give_up_copy(self._con, exc):
                raise
            self._con.execute(admitted, parameters)
        return self

    def sql(self, query: str, params: Any = None) -> Self:
        """Do as `execute` does; DuckDB's own `sql` would give a relation, which asks past the gate."""
        return self.execute(query, params)

    def __getattr__(self, name: str) -> Any:
        if name in _ANSWERS:
            return getattr(self._con, name)
        raise AttributeError(f"{name!r} asks past the gate before the lake; there is execute, sql and {_LISTED}")

    def __iter__(self) -> Any:
        """The rows that are left of the answer, one after the other."""
        return iter(self._con.fetchone, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._con.close()


_ANSWERS = frozenset(
    [
        "arrow",
        "close",
        "description",
        "df",
        "fetch_arrow_table",
        "fetch_df",
        "fetch_record_batch",
        "fetchall",
        "fetchdf",
        "fetchmany",
        "fetchnumpy",
        "fetchone",
        "interrupt",
        "pl",
        "rowcount",
        "to_arrow_reader",
        "to_arrow_table",
    ]
)
_LISTED = ", ".join(sorted(_ANSWERS))


def guarded(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    *,
    with_files: bool = False,
    before_macros: Callable[[], None] | None = None,
) -> GuardedConnection:
    """Put the gate before a connection to the lake, and lock its configuration for good.

    Behind the gate stands DuckDB's own lock: files are reached in the lake's folders alone, nothing is installed, no
    setting is changed. With `with_files` all files of this machine are reached, and still no other storage.

    Args:
        con: a connection of `lake.catalog.connect`.
        settings: those of the lake.
        with_files: reading files of one's own, and COPY to them.
        before_macros: run once, before the first statement that calls one of the lake's macros.
    """
    store = store_uri(settings.store)
    # As the catalog spells it, which every path that DuckLake opens begins with.
    places = dict.fromkeys((store, store_of(con)))
    reached = [f"{place}/{part}/" for place in places for part in ("lake", "shards", "copies")] + (
        ["/"] if with_files else []
    )
    # Not the folder `.tmp` where the command runs, which is DuckDB's choice: it may lie anywhere, or not be writable.
    spill = Path(tempfile.gettempdir()) / f"carlos-sql-{secrets.token_hex(8)}"
    con.execute(f"set temp_directory = {literal(str(spill))}")
    con.execute(f"set allowed_directories = [{', '.join(map(literal, reached))}]")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")
    lake = [Path(place) for place in (*places, settings.catalog.removeprefix("sqlite:")) if place.startswith("/")]
    return GuardedConnection(con, Gate(con, with_files=with_files, lake=lake, before_macros=before_macros))
