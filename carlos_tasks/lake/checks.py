"""The lake's own consistency: every query of `sql/checks` must return no rows."""

from dataclasses import dataclass, field

import duckdb

from carlos_tasks.aliases import Row
from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.sql_files import sql_folder
from carlos_tasks.lake.statements import rows, statement

#: Rows of one check that are reported; `n_rows` counts all.
MAX_ROWS = 20

#: Tables whose rows stand once, and the columns that tell them apart.
KEYS = {
    "core.alike_weights": ["lora_id", "other_id"],
    "core.lora_scale": ["profile_id", "lora_id", "scale"],
    "core.decision": ["decision_id"],
    "core.embedding_shard": ["profile_id", "lora_id", "number"],
    "core.lora": ["lora_id"],
    "core.representation": ["profile_id", "lora_id"],
    "core.submission": ["submission_id"],
    "core.weight_sketch": ["lora_id"],
    "raw.sighting": ["source", "model_id", "version_id", "file_id", "source_uri", "shard_key"],
}


@dataclass(frozen=True)
class CheckFailure:
    """A check that returned rows: its name, what it means, how many rows, and the first of them (JSON-able)."""

    check: str
    meaning: str
    n_rows: int
    rows: list[Row] = field(default_factory=list)


def check_names() -> list[str]:
    """Names of the checks, sorted."""
    return sorted(_checks())


def run_checks(con: duckdb.DuckDBPyConnection) -> list[CheckFailure]:
    """Run every check; an empty list is good."""
    failures = [run_check(con, name) for name in check_names()]
    return [failure for failure in failures if failure]


def run_check(con: duckdb.DuckDBPyConnection, name: str) -> CheckFailure | None:
    """Run one check; None when it returned no rows."""
    path, parameters = _checks()[name]
    check = statement(path)
    try:
        with lake_errors():
            found = rows(con, check, parameters)
    except PermanentError as exc:
        # A file that cannot be read any more fails the checks that read it, and no other.
        found = [{"error": str(exc).splitlines()[0]}]
    if not found:
        return None
    meaning = check.partition("/*")[2].partition("Must return no rows")[0].strip()
    for parameter, value in parameters.items():
        meaning = meaning.replace(f"${parameter}", value if isinstance(value, str) else ", ".join(value))
    return CheckFailure(name, meaning, len(found), found[:MAX_ROWS])


def _checks() -> dict[str, tuple[str, Row]]:
    """By name: the statement of a check, and its parameters. `duplicate` is one check for each table of `KEYS`."""
    found: dict[str, tuple[str, Row]] = {
        path.stem: (f"checks/{path.stem}", {}) for path in (sql_folder() / "checks").glob("*.sql")
    }
    path, _ = found.pop("duplicate")
    tables = {
        f"duplicate_{table.partition('.')[2]}": (path, {"table": table, "key": key}) for table, key in KEYS.items()
    }
    return found | tables
