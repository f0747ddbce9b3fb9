"""The lake's own consistency: every query of `sql/checks` must return no rows."""

from dataclasses import dataclass, field

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.migrate import sql_folder
from carlos_tasks.lake.statements import rows, statement

#: Rows of one check that are reported; `n_rows` counts all.
MAX_ROWS = 20


@dataclass(frozen=True)
class CheckFailure:
    """A check that returned rows: its name, what it means, how many rows, and the first of them (JSON-able)."""

    check: str
    meaning: str
    n_rows: int
    rows: list[Row] = field(default_factory=list)


def check_names() -> list[str]:
    """Names of the checks, sorted."""
    return sorted(path.stem for path in (sql_folder() / "checks").glob("*.sql"))


def run_checks(con: duckdb.DuckDBPyConnection) -> list[CheckFailure]:
    """Run every check; an empty list is good."""
    failures = [run_check(con, name) for name in check_names()]
    return [failure for failure in failures if failure]


def run_check(con: duckdb.DuckDBPyConnection, name: str) -> CheckFailure | None:
    """Run one check; None when it returned no rows."""
    check = statement(f"checks/{name}")
    with lake_errors():
        found = rows(con, check)
    if not found:
        return None
    meaning = check.partition("/*")[2].partition("Must return no rows")[0].strip()
    return CheckFailure(name, meaning, len(found), found[:MAX_ROWS])
