"""The moderation report: what is new, what waits and why, what was decided and refused, and how the index stands."""

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from carlos_tasks.aliases import Json
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.state import taken_down_now
from carlos_tasks.reports.bundles.charts import Chart, day_chart
from carlos_tasks.reports.bundles.document import Document, State, query_table, reading, write_sealed
from carlos_tasks.reports.bundles.evidence_pictures import evidence_pairs_of
from carlos_tasks.reports.bundles.stored import KeptReport, keep_report, last_report_at
from carlos_tasks.reports.bundles.tables import arrow_table
from carlos_tasks.reports.moderation.signal_words import signal_kind
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.objects import ObjectStore

NAME = "moderation"
#: Rows that the page shows; the tables have all.
N_CASES, N_EXAMPLES, N_NEW, N_DECISIONS = 40, 3, 25, 50
#: Pairs of pictures of a case, and of an example of a signal.
CASE_PAIRS, EXAMPLE_PAIRS = 4, 2
DEFAULT_PERIOD = timedelta(days=7)
TREND_DAYS = 56
TRENDS = (
    ("n_new", "New LoRAs"),
    ("n_refused", "Files refused"),
    ("n_signals", "Signals that still stand"),
    ("n_notices", "Notices received"),
    ("n_decisions", "Decisions"),
    ("n_measured", "LoRAs measured"),
)


def moderation_report(
    settings: Settings, since: datetime | None = None, now: datetime | None = None, snapshot: int | None = None
) -> Document:
    """Read the lake for the report.

    Args:
        settings: where the lake lies; pictures and effects are those of its profile.
        since: what came after it is new; None: since the last report that is kept in the store, or of seven days.
        now: tells what is overdue.
        snapshot: the lake as it was then; None: as it is.

    Raises:
        NotFound: there is no lake yet.
    """
    store = open_store(settings.store)
    with reading(settings, now, snapshot) as (con, state):
        begin = since or last_report_at(store, NAME, state) or state.committed_at - DEFAULT_PERIOD
        tables = _tables(con, state, begin)
        checks = [
            {"check": failure.check, "meaning": failure.meaning, "n_rows": failure.n_rows}
            for failure in run_checks(con)
        ]
    tables["checks"] = arrow_table(checks)
    context = _context(store, state, tables, taken_down_now(settings))
    summary = {name: tables[name].num_rows for name in ("queue", "new", "signals", "decisions", "checks")}
    facts = state.facts() | {"since": begin, "summary": summary | {"n_overdue": context["n_overdue"]}}
    return Document(NAME, "moderation.html.j2", facts, tables, context)


def write_moderation(settings: Settings, out: Path, since: datetime | None = None) -> Json:
    """Write the report to a folder; returns its manifest (`carlos_tasks.reports.bundles.document.write_sealed`)."""
    return write_sealed(settings, moderation_report(settings, since), out)


def store_moderation(settings: Settings, *, again: bool = False) -> KeptReport:
    """Keep the report of the lake as it is in the store (`carlos_tasks.reports.bundles.stored.keep_report`)."""
    return keep_report(settings, NAME, lambda: moderation_report(settings), again=again)


def _tables(con: duckdb.DuckDBPyConnection, state: State, since: datetime) -> dict[str, pa.Table]:
    last = max(state.committed_at, since)
    days = {"first": (last - timedelta(days=TREND_DAYS - 1)).date(), "last": last.date()}
    signals = query_table(con, "report_signals", since=since)
    return {
        "queue": query_table(con, "report_queue", profile_id=state.profile_id),
        "signals": signals,
        "new": query_table(con, "report_new", since=since, profile_id=state.profile_id),
        "decisions": query_table(con, "report_decisions", since=since),
        "refusals": query_table(con, "report_refusals", since=since),
        "days": _with_signals(query_table(con, "report_days", **days), signals),
        "health": con.execute("from mart.index_health order by profile").to_arrow_table(),
    }


def _with_signals(days: pa.Table, signals: pa.Table) -> pa.Table:
    """Add how many of the signals arose on each day."""
    arose = Counter(since.astimezone(UTC).date() for since in signals["since"].to_pylist())
    return days.append_column("n_signals", pa.array([arose[day] for day in days["day"].to_pylist()], pa.int64()))


def _context(store: ObjectStore, state: State, tables: dict[str, pa.Table], removed: dict[str, str]) -> dict[str, Any]:
    """What the page shows: the first rows of each table, and pictures of the LoRAs among them."""
    cases = tables["queue"].slice(0, N_CASES).to_pylist()
    kinds = _kinds(tables["signals"])
    shown = [row["lora_id"] for row in cases] + [row["lora_id"] for kind in kinds for row in kind["examples"]]
    pictured = [lora_id for lora_id in dict.fromkeys(shown) if lora_id not in removed]
    pictures = dict.fromkeys(shown, ()) | evidence_pairs_of(store, state.profile_id, pictured, CASE_PAIRS)
    due = [at for at in tables["queue"]["due_at"].to_pylist() if at is not None]
    return {
        "state": state,
        "cases": cases,
        "kinds": kinds,
        "pictures": pictures,
        "taken_down": removed,
        "kind_of": signal_kind,
        "example_pairs": EXAMPLE_PAIRS,
        "n_overdue": sum(at < state.now for at in due),
        "next_due": min((at for at in due if at >= state.now), default=None),
        "n_by_status": _counts(tables["queue"], "status"),
        "new": tables["new"].slice(0, N_NEW).to_pylist(),
        "decisions": tables["decisions"].slice(0, N_DECISIONS).to_pylist(),
        "n_by_action": _counts(tables["decisions"], "action"),
        "refusals": tables["refusals"].to_pylist(),
        "charts": _charts(tables["days"]),
        "health": tables["health"].to_pylist(),
        "checks": tables["checks"].to_pylist(),
        "n": {name: table.num_rows for name, table in tables.items()},
    }


def _kinds(signals: pa.Table) -> list[dict[str, Any]]:
    """The signals by kind, the most frequent first, each with its first examples, one LoRA once."""
    kinds: dict[str, dict[str, Any]] = {}
    narrow = signals.select(["signal", "lora_id", "is_new"]).to_pylist()
    for place, row in enumerate(narrow):
        kind = kinds.setdefault(row["signal"], {"signal": row["signal"], "loras": {}, "n": 0, "n_new": 0})
        kind["n"] += 1
        kind["n_new"] += bool(row["is_new"])
        kind["loras"].setdefault(row["lora_id"], place)
    for kind in kinds.values():
        places = list(kind["loras"].values())[:N_EXAMPLES]
        kind["examples"] = [signals.slice(place, 1).to_pylist()[0] for place in places]
        kind["n_loras"] = len(kind.pop("loras"))
        kind |= asdict(signal_kind(kind["signal"]))
    return sorted(kinds.values(), key=lambda kind: (-kind["n_loras"], kind["signal"]))


def _counts(table: pa.Table, column: str) -> dict[str, int]:
    counts = table[column].value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in sorted(counts, key=lambda row: (-row["counts"], row["values"]))}


def _charts(days: pa.Table) -> list[Chart]:
    dates = days["day"].to_pylist()
    return [day_chart(title, dates, days[column].to_pylist()) for column, title in TRENDS]
