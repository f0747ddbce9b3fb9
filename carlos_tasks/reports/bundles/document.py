"""A report before it is written: facts, tables, what its template shows; and the state of the lake that it is of."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Json
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import rows, statement
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.bundles.bundle import write_bundle
from carlos_tasks.reports.bundles.page import render
from carlos_tasks.settings import Settings
from carlos_tasks.version import __version__

#: What DuckDB may use; the rest of a large lake's tables spills to disk.
MEMORY_LIMIT = "1500MB"


@dataclass(frozen=True)
class State:
    """What a report is of. `now` is when it is made; all else follows from the snapshot."""

    profile: str
    profile_id: str
    snapshot_id: int
    committed_at: datetime
    now: datetime

    def facts(self) -> Json:
        """What every report says of itself."""
        return {
            "profile": self.profile,
            "profile_id": self.profile_id,
            "snapshot_id": self.snapshot_id,
            "committed_at": self.committed_at,
            "code_version": __version__,
            "created_at": self.now,
        }


@dataclass(frozen=True)
class Document:
    """A report: `name` of its files, `template` of its page, and what they hold (`reports.bundles.bundle`)."""

    name: str
    template: str
    facts: Json
    tables: Mapping[str, pa.Table]
    context: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)

    def html(self, *, for_print: bool = False) -> str:
        """The page."""
        return render(self.template, {**self.context, "facts": self.facts}, for_print=for_print)

    def write(self, folder: Path) -> Json:
        """Write all of it to a folder; returns the manifest."""
        return write_bundle(
            folder,
            self.name,
            facts=self.facts,
            tables=self.tables,
            html=self.html(),
            print_html=self.html(for_print=True),
            files=self.files,
        )


@contextmanager
def reading(settings: Settings, now: datetime) -> Iterator[tuple[duckdb.DuckDBPyConnection, State]]:
    """Open the lake for one report: every statement reads the same snapshot.

    Raises:
        NotFound: there is no lake yet.
        PermanentError: a table or view that the report reads is absent; the message says what to do.
    """
    profile = load_profile(settings.profile)
    with connect(settings) as con, lake_errors(), tempfile.TemporaryDirectory(prefix="carlos-report-") as spilled:
        con.execute("set memory_limit = ?", [MEMORY_LIMIT])
        con.execute("set temp_directory = ?", [spilled])
        con.execute("begin")
        (state,) = rows(con, statement("ask/reports/report_state"))  # a lake has a snapshot from its beginning
        yield con, State(profile.name, profile.profile_id, int(state["snapshot_id"]), state["committed_at"], now)


def query_table(con: duckdb.DuckDBPyConnection, name: str, **parameters: Any) -> pa.Table:
    """Run a statement of sql/ask/reports; its rows as an arrow table, which keeps its columns without any row."""
    return con.execute(statement(f"ask/reports/{name}"), parameters).to_arrow_table()
