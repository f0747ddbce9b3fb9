"""A report before it is written: facts, tables, what its template shows; and the state of the lake that it is of."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Json
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.state import lake_state
from carlos_tasks.lake.statements import statement
from carlos_tasks.ledger.chain import head
from carlos_tasks.ledger.entry import Head
from carlos_tasks.ledger.keys import Signer, signer_of
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.bundles.bundle import report_files, write_bundle
from carlos_tasks.reports.bundles.page import render
from carlos_tasks.reports.bundles.pictures import pictured
from carlos_tasks.reports.bundles.seal import MANIFEST, SEAL, sealed
from carlos_tasks.settings import Settings
from carlos_tasks.version import __version__

#: What DuckDB may use; the rest of a large lake's tables spills to disk.
MEMORY_LIMIT = "1500MB"


@dataclass(frozen=True)
class State:
    """What a report is of. `now` is when it is made, `head` the ledger's then; all else follows from the snapshot."""

    profile: str
    profile_id: str
    snapshot_id: int
    committed_at: datetime
    now: datetime
    head: Head | None = None

    def facts(self) -> Json:
        """What every report says of itself."""
        return {
            "profile": self.profile,
            "profile_id": self.profile_id,
            "snapshot_id": self.snapshot_id,
            "committed_at": self.committed_at,
            "code_version": __version__,
            "created_at": self.now,
            "ledger": head_facts(self.head),
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

    def contents(self) -> Iterable[tuple[str, bytes]]:
        """Path and bytes of all that `write` writes but the PDF and the manifest."""
        return report_files(self.name, self.facts, self.tables, self.html(), self.files)

    def write(self, folder: Path, signer: Signer | None = None, kept_at: str | None = None) -> Json:
        """Write all of it to a folder; returns the manifest.

        Args:
            folder: where.
            signer: the deployment's key; None: the report is not signed.
            kept_at: what its keys in the store begin with; None: it is not kept there.
        """
        shown = pictured(self.context.get("pictures", {}), self.files)
        return write_bundle(
            folder,
            self.name,
            facts={**self.facts, "pictures_of": shown, "kept_at": kept_at},
            tables=self.tables,
            html=self.html(),
            print_html=self.html(for_print=True),
            files=self.files,
            signer=signer,
        )


def write_sealed(settings: Settings, document: Document, out: Path) -> Json:
    """Write a report to a folder, and sign and enter it as far as whoever runs this may.

    Returns:
        The manifest, with `entry`, the position in the ledger, and `not_entered`, why there is none; null where it does
        not apply.
    """
    manifest = document.write(out, signer_of(settings))
    return manifest | seal_folder(settings, out)


def seal_folder(settings: Settings, folder: Path) -> Json:
    """Sign and enter the report that was written to a folder; returns what its seal says of the ledger."""
    seal = sealed(settings, (folder / MANIFEST).read_bytes())
    (folder / SEAL).write_bytes(seal.to_json())
    position = seal.entry and seal.entry["position"]
    return {"entry": position, "not_entered": seal.not_entered, "signed_by": seal.key_id}


def entered_in_words(told: Json) -> str:
    """What `seal_folder` returned, as a line for people."""
    if told["entry"] is None:
        return f"not entered in the ledger of the lake: {told['not_entered']}"
    by = f"signed with key {told['signed_by']}" if told.get("signed_by") else "recorded, not signed"
    return f"entered in the ledger of the lake at position {told['entry']}; {by}"


@contextmanager
def reading(
    settings: Settings, now: datetime | None = None, snapshot: int | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, State]]:
    """Open the lake for one report: every statement reads the same snapshot.

    Args:
        settings: where it lies, and the profile.
        now: when the report is made; None: now, and never before what the report reads.
        snapshot: the lake as it was then; None: as it is.

    Raises:
        NotFound: there is no lake yet, or no such snapshot.
        PermanentError: a table or view that the report reads is absent; the message says what to do.
    """
    profile = load_profile(settings.profile)
    with (
        connect(settings, snapshot=snapshot) as con,
        lake_errors(),
        tempfile.TemporaryDirectory(prefix="carlos-report-") as spilled,
    ):
        con.execute("set memory_limit = ?", [MEMORY_LIMIT])
        con.execute("set temp_directory = ?", [spilled])
        con.execute("begin")
        newest, committed_at = lake_state(con)
        last = head(con)
        made_at = now or made_now(committed_at, last)
        yield con, State(profile.name, profile.profile_id, newest, committed_at, made_at, last)


def head_facts(last: Head | None) -> Json | None:
    """The head of the ledger, as manifests name it."""
    return {"position": last.position, "entry_hash": last.entry_hash} if last else None


def made_now(committed_at: datetime, last: Head | None) -> datetime:
    """When a report is made, by a clock that may be behind that of whoever committed what it reads."""
    return max(datetime.now(UTC), committed_at, *([last.entered_at] if last else []))


def query_table(con: duckdb.DuckDBPyConnection, name: str, **parameters: Any) -> pa.Table:
    """Run a statement of sql/ask/reports; its rows as an arrow table, which keeps its columns without any row."""
    return con.execute(statement(f"ask/reports/{name}"), parameters).to_arrow_table()
