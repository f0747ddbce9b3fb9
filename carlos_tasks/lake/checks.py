"""The lake's own consistency: every query of `sql/checks` must return no rows."""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.migrate import sql_folder

#: Rows of one check that are reported; `n_rows` counts all.
MAX_ROWS = 20


@dataclass(frozen=True)
class CheckFailure:
    """A check that returned rows: its name, what it means, how many rows, and the first of them (JSON-able)."""

    check: str
    meaning: str
    n_rows: int
    rows: list[dict[str, Any]] = field(default_factory=list)


def check_names() -> list[str]:
    """Names of the checks, sorted."""
    return sorted(path.stem for path in (sql_folder() / "checks").glob("*.sql"))


def run_checks(con: duckdb.DuckDBPyConnection) -> list[CheckFailure]:
    """Run every check; an empty list is good."""
    failures = [run_check(con, name) for name in check_names()]
    return [failure for failure in failures if failure]


def run_check(con: duckdb.DuckDBPyConnection, name: str) -> CheckFailure | None:
    """Run one check; None when it returned no rows."""
    statement = (sql_folder() / "checks" / f"{name}.sql").read_text(encoding="utf-8")
    with lake_errors():
        answer = con.execute(statement)
        columns = [column[0] for column in answer.description or []]
        rows = answer.fetchall()
    if not rows:
        return None
    meaning = statement.partition("/*")[2].partition("Must return no rows")[0].strip()
    shown = [dict(zip(columns, row, strict=True)) for row in rows[:MAX_ROWS]]
    return CheckFailure(name, meaning, len(rows), shown)
