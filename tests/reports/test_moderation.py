"""The moderation report: what waits, what is new, what was decided and refused; and that no name does harm."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from carlos_tasks.errors import PassingError, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.reports.bundles.document import Document
from carlos_tasks.reports.bundles.seal import MANIFEST
from carlos_tasks.reports.bundles.stored import last_report_at
from carlos_tasks.reports.moderation import report as moderation
from carlos_tasks.reports.moderation.report import moderation_report, store_moderation
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.objects import ObjectStore
from tests.lakes import migrated_lake
from tests.reports.conftest import FORMULA, NOW, SENDER, SINCE, A, C, D
from tests.reports.page_reader import is_harmless, read_page


def test_the_queue_says_what_waits_why_and_what_is_overdue(report: Document) -> None:
    first = report.tables["queue"].to_pylist()[0]
    assert (first["rank"], first["lora_id"], first["n_notices"]) == (1, A, 1)
    assert report.facts["summary"]["n_overdue"] == 1
    page = read_page(report.html()).text
    assert "overdue since 2026-03-19 10:00 UTC" in page and "Complaint from outside" in page


def test_what_is_not_yet_due_is_not_overdue(filled: Settings) -> None:
    report = moderation_report(filled, SINCE, datetime(2026, 3, 18, tzinfo=UTC))
    assert report.facts["summary"]["n_overdue"] == 0
    assert "The next decision is due 2026-03-19 10:00 UTC" in read_page(report.html()).text


def test_a_lake_of_before_a_column_is_told_what_updates_it(tmp_path: Path) -> None:
    old = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    migrated_lake(old)
    with connect(old, read_only=False) as con:
        con.execute("alter table core.lora drop column taken_in_at")
    with pytest.raises(PermanentError, match="an older version is updated by carlos index"):
        moderation_report(old, SINCE, NOW)


def test_new_is_what_came_after_since(filled: Settings) -> None:
    tables = moderation_report(filled, datetime(2026, 3, 18, 10, 30, tzinfo=UTC), NOW).tables
    assert tables["new"].num_rows == 0
    assert set(tables["decisions"]["decision_id"].to_pylist()) == {"restrict-d", "appeal-d", "overturn-d", "label-e"}
    assert {row["reason"]: (row["n_new"], row["n_files"]) for row in tables["refusals"].to_pylist()} == {
        "pickle": (0, 1),
        "truncated": (0, 1),
    }


def test_every_lora_that_came_in_is_new(report: Document) -> None:
    assert report.tables["new"].num_rows == 6


def test_a_takedown_is_shown_with_who_signed_and_the_metadata_stays(report: Document) -> None:
    (row,) = [row for row in report.tables["decisions"].to_pylist() if row["lora_id"] == C]
    assert (row["action"], row["analyst"], row["name"], row["is_in_force"]) == ("takedown", "ana", "שלום", True)
    assert "Trade mark act, section 10" in read_page(report.html()).text


def test_signals_are_counted_on_the_day_that_they_arose(report: Document) -> None:
    days = pa.table({"day": [date(2026, 3, 17), date(2026, 3, 18)]})
    counted = moderation._with_signals(days, report.tables["signals"])
    arose = [row["since"].date() for row in report.tables["signals"].to_pylist()]
    assert counted["n_signals"].to_pylist() == [arose.count(day) for day in days["day"].to_pylist()]
    assert counted["n_signals"].to_pylist()[0] == 1, "the notice"


@pytest.mark.parametrize("for_print", [False, True])
def test_no_name_does_harm(report: Document, for_print: bool) -> None:
    html = report.html(for_print=for_print)
    page = read_page(html)
    assert is_harmless(page)
    assert "<script>alert(1)</script>" in page.text, "the name is shown, as text"
    assert "\u202e" not in html
    assert all("dir" in bdi for bdi in page.all("bdi")) and page.all("bdi")


def test_nothing_personal_of_a_notice_is_in_the_report(report: Document, tmp_path: Path) -> None:
    report.write(tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert SENDER.encode() not in content and b"SECRET-TEXT" not in content


def test_pictures_are_blurred_until_clicked_and_for_good_in_print(report: Document) -> None:
    page = read_page(report.html())
    boxes = [box for box in page.all("input") if box.get("type") == "checkbox"]
    assert boxes and all("checked" not in box for box in boxes)
    assert len({box["id"] for box in boxes}) == len(boxes) == len(page.all("label"))
    assert {box["id"] for box in boxes} == {label["for"] for label in page.all("label")}
    clear = {image["src"] for image in page.all("img")}
    printed = read_page(report.html(for_print=True))
    assert not printed.all("input")
    assert printed.all("img") and not clear & {image["src"] for image in printed.all("img")}


def test_tables_hold_everything_and_no_cell_is_a_formula(report: Document, tmp_path: Path) -> None:
    manifest = report.write(tmp_path)
    rows = pq.read_table(tmp_path / "tables/decisions.parquet").to_pylist()
    assert [row["analyst"] for row in rows if row["decision_id"] == "restrict-d"] == [FORMULA]
    for path in (tmp_path / "tables").glob("*.csv"):
        cells = [cell for row in csv.reader(path.read_text(encoding="utf-8").splitlines()) for cell in row]
        assert not [cell for cell in cells if cell[:1] in {"=", "+", "@", "\t", "\r"}]
    assert any(f"'{FORMULA}" in path.read_text().replace('""', '"') for path in (tmp_path / "tables").glob("*.csv"))
    told = json.loads((tmp_path / "moderation.json").read_text())
    assert told["tables"]["queue"]["n_rows"] == manifest["summary"]["queue"]


def test_the_page_shows_the_first_and_says_how_many_there_are(
    filled: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderation, "N_NEW", 2)
    page = read_page(moderation_report(filled, SINCE, NOW).html())
    assert "2 of 6 are shown. All of them: tables/new.csv" in page.text


def test_an_empty_lake_makes_a_report_that_says_so(lake: object, settings: Settings, tmp_path: Path) -> None:
    manifest = moderation_report(settings, None, NOW).write(tmp_path)
    page = read_page((tmp_path / "moderation.html").read_text()).text
    assert "Nothing waits." in page and "None was refused." in page and "Every check of the lake passed." in page
    assert pq.read_table(tmp_path / "tables/queue.parquet").column_names[:2] == ["rank", "lora_id"]
    assert manifest["summary"]["queue"] == 0


def test_the_same_report_has_the_same_bytes(report: Document, tmp_path: Path) -> None:
    one, two = (report.write(tmp_path / name) for name in ("one", "two"))
    assert one == two and len(one["files"]) > 10


@pytest.fixture
def without_reports(filled: Settings) -> Iterator[Settings]:
    """That lake, with no report kept before the test nor after it."""
    yield filled
    store = open_store(filled.store)
    for item in list(store.list("reports/moderation/")):
        store.delete(item.key)


def test_a_state_is_kept_once_and_the_next_report_goes_on_from_it(without_reports: Settings, report: Document) -> None:
    filled = without_reports
    store = open_store(filled.store)
    kept = store_moderation(filled)
    assert kept.is_new and kept.n_files == len(list(store.list(kept.prefix)))
    again = store_moderation(filled)
    assert not again.is_new and again.summary == kept.summary
    state = report.context["state"]
    assert last_report_at(store, "moderation", state) is None
    assert last_report_at(store, "moderation", replace(state, snapshot_id=state.snapshot_id + 1)) == state.committed_at
    store.delete(kept.prefix + MANIFEST)
    assert store_moderation(filled).is_new, "a report that was not finished is made again"


def test_a_report_that_is_made_again_and_killed_on_the_way_is_not_taken_for_whole(
    without_reports: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store_moderation(without_reports)

    def full(store: ObjectStore, path: Path, key: str) -> None:
        raise PassingError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(FolderStore, "upload", full)
        with pytest.raises(PassingError):
            store_moderation(without_reports, again=True)
    assert not open_store(without_reports.store).exists(kept.prefix + MANIFEST)
    assert store_moderation(without_reports).is_new


def test_d_is_out_of_the_queue_after_the_overturn(report: Document) -> None:
    assert D not in report.tables["queue"]["lora_id"].to_pylist()
