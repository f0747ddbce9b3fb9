"""The report of an evaluation: tables on the terminal, parquet for programs, pictures and a page for people."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from carlos_tasks.aliases import Row
from carlos_tasks.console import json_value, print_table, say
from carlos_tasks.evaluation.section import Section
from carlos_tasks.lake.lora_ids import short_id
from carlos_tasks.ledger.entry import Head
from carlos_tasks.ledger.keys import Signer
from carlos_tasks.reports.bundles.bundle import write_files
from carlos_tasks.reports.bundles.document import head_facts, made_now
from carlos_tasks.reports.bundles.json_text import json_bytes
from carlos_tasks.reports.bundles.page import render
from carlos_tasks.reports.bundles.tables import arrow_table, parquet_bytes
from carlos_tasks.version import __version__

NAME, PAGE, FACTS = "evaluation", "report.md", "report.json"


@dataclass(frozen=True)
class Report:
    """What was evaluated, and the sections. Nothing of it depends on when or where it was computed."""

    profile: str
    profile_id: str
    snapshot_id: int
    committed_at: str
    n_loras: int
    n_queries: int
    sections: tuple[Section, ...]

    def state(self) -> Row:
        """What was evaluated."""
        return {
            "profile": self.profile,
            "profile_id": self.profile_id,
            "snapshot_id": self.snapshot_id,
            "committed_at": self.committed_at,
            "n_loras": self.n_loras,
            "n_queries": self.n_queries,
        }

    def facts(self) -> Row:
        """Everything but the rows that the tables do not show: for report.json, and for `--json`."""
        return self.state() | {"sections": [_section_facts(section) for section in self.sections]}

    def print(self) -> None:
        """Print every table for people; a section that was left out says why."""
        say(f"profile {self.profile} ({self.profile_id}), snapshot {self.snapshot_id}: {self.n_loras} LoRAs\n")
        for section in self.sections:
            if section.left_out:
                say(f"{section.title}: left out, {section.left_out}\n")
            elif section.n_shown:
                print_table(_shown(section), section.columns, title=section.title)
                hidden = len(section.rows) - section.n_shown
                say(f"… and {hidden} more in {section.name}.parquet\n" if hidden > 0 else "")


def write_report(report: Report, out: Path, signer: Signer | None = None, last: Head | None = None) -> list[Path]:
    """Write parquet and PNG of every section, report.md, report.json, and the manifest of these files.

    The report that lies in the folder is removed, as `carlos_tasks.reports.bundles.bundle` does it.

    Args:
        report: what was found.
        out: the folder.
        signer: the deployment's key; None: the report is not signed.
        last: head of the ledger.

    Returns:
        The files without the manifest and its seal, report.json last.

    Raises:
        CarlosError: the folder cannot be written, or another report is being written to it.
    """
    contents = dict(_contents(report))
    committed_at = datetime.fromisoformat(report.committed_at)
    facts = report.state() | {
        "code_version": __version__,
        "created_at": made_now(committed_at, last),
        "ledger": head_facts(last),
    }
    write_files(out, NAME, facts=facts, contents=contents.items(), signer=signer)
    return [out / path for path in contents]


def markdown(report: Report) -> str:
    """The page. Text from outside stands in it escaped: neither Markdown nor HTML reads it as its own."""
    sections = [{"section": section, "shown": _shown(section)} for section in report.sections]
    return render("evaluation.md.j2", {"report": report, "sections": sections}, for_print=False)


def _contents(report: Report) -> Iterator[tuple[str, bytes]]:
    for section in report.sections:
        if section.rows:
            yield f"{section.name}.parquet", parquet_bytes(arrow_table(section.rows))
        if section.figure is not None:
            yield f"{section.name}.png", _png(section.figure)
    yield PAGE, f"{markdown(report)}\n".encode()
    yield FACTS, json_bytes(report.facts())


def _shown(section: Section) -> list[Row]:
    """The rows that people see: of a hash, the first digits name the LoRA as well."""
    return [
        {name: short_id(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in section.rows[: section.n_shown]
    ]


def _section_facts(section: Section) -> Row:
    files = [f"{section.name}.parquet"] * bool(section.rows) + [f"{section.name}.png"] * (section.figure is not None)
    shown = [{name: json_value(row[name]) for name in section.columns} for row in section.rows[: section.n_shown]]
    return {
        "section": section.name,
        "title": section.title,
        "says": section.says,
        "left_out": section.left_out or None,
        "n_rows": len(section.rows),
        "rows": shown,
        "files": files,
    }


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    # No date and no version of the library: the same report has the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
