"""The report of an evaluation: tables on the terminal, parquet for programs, pictures and a page for people."""

import html
import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.console import print_table
from carlos_tasks.evaluation.corpus.corpus import Row
from carlos_tasks.evaluation.section import Section
from carlos_tasks.untrusted.text import MAX_TEXT_CHARS, clean_line

PAGE, FACTS = "report.md", "report.json"
_HASH = re.compile("[0-9a-f]{64}")
_MARKUP = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]()#+!|~"})


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

    def facts(self) -> Row:
        """Everything but the rows that the tables do not show: for report.json, and for `--json`."""
        return {
            "profile": self.profile,
            "profile_id": self.profile_id,
            "snapshot_id": self.snapshot_id,
            "committed_at": self.committed_at,
            "n_loras": self.n_loras,
            "n_queries": self.n_queries,
            "sections": [_section_facts(section) for section in self.sections],
        }

    def print(self) -> None:
        """Print every table for people; a section that was left out says why."""
        print(f"profile {self.profile} ({self.profile_id}), snapshot {self.snapshot_id}: {self.n_loras} LoRAs\n")
        for section in self.sections:
            if section.left_out:
                print(f"{section.title}: left out, {section.left_out}\n")
            elif section.n_shown:
                print_table(
                    [_short(row) for row in section.rows[: section.n_shown]], section.columns, title=section.title
                )
                hidden = len(section.rows) - section.n_shown
                print(f"… and {hidden} more in {section.name}.parquet\n" if hidden > 0 else "")


def write_report(report: Report, out: Path) -> list[Path]:
    """Write parquet and PNG of every section, then report.md and report.json. Returns the files, in that order."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for section in report.sections:
        if section.rows:
            written.append(out / f"{section.name}.parquet")
            pq.write_table(pa.Table.from_pylist(section.rows), written[-1])
        if section.figure is not None:
            written.append(out / f"{section.name}.png")
            written[-1].write_bytes(_png(section.figure))
    for name, text in (
        (PAGE, markdown(report)),
        (FACTS, json.dumps(report.facts(), ensure_ascii=False, indent=1, default=_json) + "\n"),
    ):
        written.append(out / name)
        written[-1].write_text(text, encoding="utf-8")
    return written


def markdown(report: Report) -> str:
    """The page. Text from outside stands in it escaped: neither Markdown nor HTML reads it as its own."""
    head = [
        f"# Evaluation of profile {_escaped(report.profile)}",
        f"Profile id `{report.profile_id}`, snapshot {report.snapshot_id} of {report.committed_at}, "
        f"{report.n_loras} LoRAs, {report.n_queries} queries with a known answer.",
    ]
    return "\n\n".join([*head, *(part for section in report.sections for part in _section_lines(section))]) + "\n"


def _section_lines(section: Section) -> Iterable[str]:
    yield f"## {_escaped(section.title)}"
    if section.left_out:
        yield f"Left out: {_escaped(section.left_out)}."
        return
    if section.says:
        yield _escaped(section.says)
    if section.figure is not None:
        yield f"![{_escaped(section.title)}]({section.name}.png)"
    if section.n_shown and section.rows:
        yield _table([_short(row) for row in section.rows[: section.n_shown]], section.columns)
    if len(section.rows) > section.n_shown:
        yield f"All {len(section.rows)} rows: `{section.name}.parquet`."


def _table(rows: Sequence[Row], columns: Sequence[str]) -> str:
    lines = [[_escaped(column) for column in columns], ["---"] * len(columns)]
    lines += [[_escaped(_cell(row[column])) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(row: Row) -> Row:
    """The row for people's eyes: of a hash, the first digits name the LoRA as well."""
    return {
        name: value[:12] if isinstance(value, str) and _HASH.fullmatch(value) else value for name, value in row.items()
    }


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}" if math.isfinite(value) else "–"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value)
    return str(value)


def _escaped(text: str) -> str:
    return html.escape(clean_line(text, MAX_TEXT_CHARS).translate(_MARKUP), quote=False)


def _section_facts(section: Section) -> Row:
    files = [f"{section.name}.parquet"] * bool(section.rows) + [f"{section.name}.png"] * (section.figure is not None)
    shown = [{column: _finite(row[column]) for column in section.columns} for row in section.rows[: section.n_shown]]
    return {
        "section": section.name,
        "title": section.title,
        "says": section.says,
        "left_out": section.left_out or None,
        "n_rows": len(section.rows),
        "rows": shown,
        "files": files,
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value)} has no place in a report")


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    # No date and no version of the library: the same report has the same bytes.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
