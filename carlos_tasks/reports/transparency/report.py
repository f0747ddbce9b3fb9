"""The transparency report of a month: notices, own initiative, appeals, automated means, statements of reasons."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from carlos_tasks.aliases import Json, Row
from carlos_tasks.errors import CarlosError
from carlos_tasks.reports.bundles.document import Document, query_table, reading, write_sealed
from carlos_tasks.reports.bundles.stored import KeptReport, keep_report
from carlos_tasks.reports.bundles.tables import arrow_table
from carlos_tasks.reports.transparency.files import FOLDER, StatementFile, statement_files
from carlos_tasks.reports.transparency.statement import statements_of
from carlos_tasks.settings import Settings

NAME = "transparency"
#: Statements that the page shows; the files and the table have all.
N_STATEMENTS = 50
_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


def transparency_report(
    settings: Settings, month: str | None = None, now: datetime | None = None, snapshot: int | None = None
) -> Document:
    """Read the lake for the report of a month.

    Args:
        settings: where the lake lies.
        month: YYYY-MM, in UTC; None: the last month that is over.
        now: tells which month is over, and whether the month asked for is.
        snapshot: the lake as it was then; None: as it is.

    Raises:
        CarlosError: the month is none, or has not begun.
        NotFound: there is no lake yet.
    """
    asked_at = now or datetime.now(UTC)
    first, following = month_of(month or _month_before(asked_at))
    if first > asked_at:
        raise CarlosError(f"{first:%Y-%m} has not begun: name a month that has")
    with reading(settings, now, snapshot) as (con, state):
        period = {"first": first, "next": following}
        month_days = {"first": first.date(), "next": following.date()}
        tables = {
            "months": query_table(con, "transparency_months", first=first.date()),
            "notices": query_table(con, "transparency_notices", **period),
            "actions": query_table(con, "transparency_actions", **period),
            "appeals": query_table(con, "transparency_appeals", **period),
            "detection": query_table(con, "transparency_detection", **period),
            "statements_sent": query_table(con, "transparency_statement_states", **month_days),
        }
        submitted = query_table(con, "transparency_submissions", **month_days).to_pylist()
        decisions = query_table(con, "transparency_restrictions", **period).to_pylist()
    statements, refused = statements_of(decisions)
    sent = tables["statements_sent"].to_pylist()
    files = statement_files(statements, submitted, sent)
    tables |= {
        "statements": arrow_table(statements),
        "statements_refused": arrow_table(refused),
        "statement_files": arrow_table([file.row() for file in files]),
    }
    summary = {
        "n_notices": _sum(tables["notices"], "n_notices"),
        "n_decisions": _sum(tables["actions"], "n_decisions"),
        "n_appeals": _sum(tables["appeals"], "n_appeals"),
        "n_statements": len(statements),
        "n_statements_refused": len(refused),
    }
    facts = state.facts() | {"month": f"{first:%Y-%m}", "is_over": following <= state.now, "summary": summary}
    facts |= {"statement_files": [file.fact() for file in files]}
    context = _context(tables, statements, refused, decisions) | _sent_context(files, sent) | {"state": state}
    bodies = {file.path: file.body for file in files}
    return Document(NAME, "transparency.html.j2", facts, tables, context, bodies)


def write_transparency(settings: Settings, out: Path, month: str | None = None) -> Json:
    """Write the report to a folder; returns its manifest (`carlos_tasks.reports.bundles.document.write_sealed`)."""
    return write_sealed(settings, transparency_report(settings, month), out)


def store_transparency(
    settings: Settings, month: str | None = None, *, asked_at: datetime | None = None, again: bool = False
) -> KeptReport:
    """Keep the report of a month, as the lake tells it now, in the store (`reports.archive.keep_report`).

    Without a month it is the last one that was over when it was asked for (now, unless told).
    """
    month = month or _month_before(asked_at or datetime.now(UTC))
    month_of(month)
    return keep_report(settings, f"{NAME}/month={month}", lambda: transparency_report(settings, month), again=again)


def month_of(text: str) -> tuple[datetime, datetime]:
    """Return the first moment of a month and of the next.

    Raises:
        CarlosError: not a month such as 2026-01.
    """
    told = _MONTH.fullmatch(text)
    if not told:
        raise CarlosError(f"not a month: {text!r} (write 2026-01)")
    year, month = int(told[1]), int(told[2])
    return datetime(year, month, 1, tzinfo=UTC), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _month_before(now: datetime) -> str:
    return f"{now.year - 1}-12" if now.month == 1 else f"{now.year}-{now.month - 1:02}"


def _context(
    tables: dict[str, pa.Table], statements: list[Json], refused: list[Json], decisions: list[Json]
) -> dict[str, Any]:
    names = {row["decision_id"]: row["name"] for row in decisions}
    shown = [
        {"name": names[one["puid"]], "visibility": one["decision_visibility"][0], **one}
        for one in statements[:N_STATEMENTS]
    ]
    months = tables["months"].to_pylist()
    return {
        "months": months,
        "notices": tables["notices"].to_pylist(),
        "actions": tables["actions"].to_pylist(),
        "appeals": tables["appeals"].to_pylist(),
        "detection": tables["detection"].to_pylist(),
        "statements": shown,
        "n_statements": len(statements),
        "refused": refused[:N_STATEMENTS],
        "n_refused": len(refused),
    }


def _sent_context(files: list[StatementFile], sent: list[Row]) -> dict[str, Any]:
    """What the page says of the files, and of statements that the database refused."""
    not_taken = [row for row in sent if row["state"] == "refused" and row["said"]]
    return {
        "statement_files": [file.row() for file in files],
        "statement_folder": FOLDER,
        "not_taken": not_taken[:N_STATEMENTS],
        "n_not_taken": len(not_taken),
    }


def _sum(table: pa.Table, column: str) -> int:
    return int(pc.sum(table[column]).as_py() or 0)
