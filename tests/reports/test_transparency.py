"""The transparency report of a month: counts by category and outcome, appeals, accuracy, statements of reasons."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from carlos_tasks.errors import CarlosError
from carlos_tasks.reports.bundles.document import Document
from carlos_tasks.reports.transparency.report import month_of, store_transparency, transparency_report
from carlos_tasks.settings import Settings
from tests.reports.conftest import NOW, SENDER
from tests.reports.page_reader import is_harmless, read_page


@pytest.fixture(scope="module")
def march(filled: Settings) -> Document:
    """The report of March, which is not over."""
    return transparency_report(filled, "2026-03", NOW)


def test_notices_are_counted_by_category_and_outcome(march: Document) -> None:
    rows = {row["category"]: row for row in march.tables["notices"].to_pylist()}
    assert (rows["ncii"]["n_open"], rows["ncii"]["n_with_limit"], rows["ncii"]["median_hours"]) == (1, 1, None)
    assert (rows["trademark"]["n_takedown"], rows["trademark"]["n_in_time"]) == (1, 1)
    assert rows["trademark"]["median_hours"] == 192.0


def test_decisions_are_told_by_what_they_answer_and_appeals_by_outcome(march: Document) -> None:
    actions = {(row["origin"], row["action"]): row for row in march.tables["actions"].to_pylist()}
    assert set(actions) == {("notice", "takedown"), ("own_initiative", "restrict"), ("own_initiative", "label")}
    assert actions["own_initiative", "restrict"]["n_overturned"] == 1
    assert march.tables["appeals"].to_pylist() == [
        {"action": "restrict", "outcome": "overturned", "n_appeals": 1, "median_hours": 24.0}
    ]


def test_a_signal_whose_decision_was_overturned_did_not_hold(march: Document) -> None:
    assert march.tables["detection"].to_pylist() == [
        {"signal": "declared_other", "n_decisions": 2, "n_unfounded": 1, "precision": 0.5}
    ]
    page = read_page(march.html()).text
    assert "50 %" in page.replace("\u202f", " ") and "no decisions of the month" in " ".join(page.split())


def test_a_month_ends_where_the_next_begins(filled: Settings) -> None:
    february = transparency_report(filled, "2026-02", NOW)
    assert [row["action"] for row in february.tables["actions"].to_pylist()] == ["no_action"]
    assert february.facts["is_over"] and february.tables["statements"].num_rows == 0
    assert month_of("2026-12") == (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def test_every_restriction_has_a_statement_or_a_reason_why_not(march: Document, tmp_path: Path) -> None:
    march.write(tmp_path)
    statements = json.loads((tmp_path / "statements/0001.json").read_text())["statements"]
    assert [statement["puid"] for statement in statements] == ["takedown-c", "restrict-d"]
    assert statements[0]["content_date"] == "2024-05-06" and statements[1]["content_date"] == "2025-12-01"
    ends = [statement["end_date_visibility_restriction"] for statement in statements]
    assert ends == [None, "2026-03-19"]
    refused = pq.read_table(tmp_path / "tables/statements_refused.parquet").to_pylist()
    assert [row["decision_id"] for row in refused] == ["label-e"]
    assert "decision_ground is missing" in refused[0]["reason"]
    assert march.facts["summary"] == {
        "n_notices": 2,
        "n_decisions": 3,
        "n_appeals": 1,
        "n_statements": 2,
        "n_statements_refused": 1,
    }


def test_the_months_before_stand_beside_it(march: Document) -> None:
    assert [str(row["month"]) for row in march.tables["months"].to_pylist()] == ["2026-03-01", "2026-02-01"]


def test_no_name_does_harm_and_nobody_is_named(march: Document, tmp_path: Path) -> None:
    march.write(tmp_path)
    for html in (march.html(), march.html(for_print=True)):
        assert is_harmless(read_page(html))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if SENDER.encode() in path.read_bytes() or b"SECRET-TEXT" in path.read_bytes()]
    assert '"ana"' not in (tmp_path / "statements/0001.json").read_text()


@pytest.mark.parametrize("month", ["2026-13", "2026", "march", "2026-1", "2026-01-01", ""])
def test_what_is_no_month_is_one_clear_line(filled: Settings, month: str) -> None:
    with pytest.raises(CarlosError, match=r"not a month: .*write 2026-01"):
        month_of(month)


def test_a_month_to_come_is_refused(filled: Settings) -> None:
    with pytest.raises(CarlosError, match="2026-04 has not begun"):
        transparency_report(filled, "2026-04", NOW)


def test_without_a_month_it_is_the_last_one_that_is_over(filled: Settings) -> None:
    assert transparency_report(filled, None, NOW).facts["month"] == "2026-02"
    assert transparency_report(filled, None, datetime(2026, 1, 5, tzinfo=UTC)).facts["month"] == "2025-12"


def test_a_month_is_kept_once_for_a_state_of_the_lake(filled: Settings) -> None:
    kept = store_transparency(filled, "2026-03")
    assert kept.is_new and kept.prefix.startswith("reports/transparency/month=2026-03/profile_id=")
    assert not store_transparency(filled, "2026-03").is_new
    late = store_transparency(filled, asked_at=datetime(2026, 4, 2, 5, tzinfo=UTC))
    assert late.prefix == kept.prefix, "a run that was held up is about its own month"
