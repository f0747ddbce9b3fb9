"""Statements of a month in files of at most 100, and what stays where once it was sent."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.lake.catalog import connect
from carlos_tasks.moderation.submissions import record_submissions
from carlos_tasks.reports.check import check_report
from carlos_tasks.reports.transparency.files import statement_files
from carlos_tasks.reports.transparency.report import write_transparency
from carlos_tasks.settings import Settings
from tests.lakes import migrated_lake
from tests.sql.lake_rows import fill

FIRST = datetime(2026, 3, 1, 8, tzinfo=UTC)


def decisions(start: int, stop: int) -> list[dict[str, Any]]:
    return [
        {
            "decision_id": f"d{number:03}",
            "lora_id": f"l{number}",
            "ground": "incompatible_content",
            "ground_reference": "Terms, 4.2",
            "reasons": "Against the terms.",
            "decided_at": FIRST + timedelta(minutes=number),
        }
        for number in range(start, stop)
    ]


def add(settings: Settings, start: int, stop: int, **more: Any) -> None:
    with connect(settings, read_only=False) as con:
        loras = [{"lora_id": f"l{number}"} for number in range(start, stop)]
        fill(con, {"core.lora": loras, "core.decision": decisions(start, stop), **more})


def bodies(folder: Path) -> dict[str, list[str]]:
    return {
        path.name: [one["puid"] for one in json.loads(path.read_text())["statements"]]
        for path in sorted((folder / "statements").glob("*.json"))
    }


def ids(start: int, stop: int) -> list[str]:
    return [f"d{number:03}" for number in range(start, stop)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The folder of the report."""
    return tmp_path / "report"


@pytest.fixture
def lake(settings: Settings) -> Settings:
    """A lake with 105 takedowns in March."""
    migrated_lake(settings)
    add(settings, 0, 105)
    return settings


def test_a_month_with_more_than_the_database_takes_is_more_than_one_file(lake: Settings, out: Path) -> None:
    manifest = write_transparency(lake, out, "2026-03")
    assert bodies(out) == {"0001.json": ids(0, 100), "0002.json": ids(100, 105)}
    assert not (out / "statements.json").exists()
    hashes = {file["path"]: file["sha256"] for file in manifest["files"]}
    assert [(one["path"], one["n_statements"], one["state"]) for one in manifest["statement_files"]] == [
        ("statements/0001.json", 100, "to be submitted"),
        ("statements/0002.json", 5, "to be submitted"),
    ]
    for one in manifest["statement_files"]:
        assert hashes[one["path"]] == one["sha256"]
        assert one["puids"] == bodies(out)[Path(one["path"]).name]
    assert check_report(str(out)).faults == []


def test_what_was_sent_stays_in_its_file_and_as_it_was(lake: Settings, out: Path) -> None:
    write_transparency(lake, out, "2026-03")
    second = out / "statements/0002.json"
    sent = second.read_bytes()
    record_submissions(lake, "submitted", [second], "ana")
    overturned = [
        {"decision_id": "x1", "lora_id": "l101", "action": "appeal", "refers_to": "d101"},
        {"decision_id": "x2", "lora_id": "l101", "action": "overturn", "refers_to": "x1"},
    ]
    with connect(lake, read_only=False) as con:
        fill(con, {"core.decision": [row | {"decided_at": FIRST + timedelta(days=9)} for row in overturned]})
    add(lake, 105, 110)
    manifest = write_transparency(lake, out, "2026-03")
    assert bodies(out) == {"0001.json": ids(0, 100), "0002.json": ids(100, 105), "0003.json": ids(105, 110)}
    assert second.read_bytes() == sent
    assert [one["state"] for one in manifest["statement_files"]] == ["to be submitted", "submitted", "to be submitted"]
    page = (out / "transparency.html").read_text()
    assert "statements/0002.json" in page and "ana" not in (out / "tables/statement_files.csv").read_text()


def test_a_refused_file_is_written_anew_without_what_the_database_has(lake: Settings, out: Path) -> None:
    write_transparency(lake, out, "2026-03")
    second, answer = out / "statements/0002.json", out / "answer.json"
    record_submissions(lake, "submitted", [second], "ana")
    answer.write_text(json.dumps({"errors": {"statement_0": {"category": ["no"]}, "existing_puids": ["d102"]}}))
    record_submissions(lake, "refused", [second], "ana", answer=answer)
    write_transparency(lake, out, "2026-03")
    assert bodies(out)["0002.json"] == ["d100", "d101", "d103", "d104"]
    page = " ".join((out / "transparency.html").read_text().split())
    assert "Refused by the database" in page and "category: no" in page
    record_submissions(lake, "submitted", [second], "ana")
    write_transparency(lake, out, "2026-03")
    assert bodies(out)["0002.json"] == ["d100", "d101", "d103", "d104"]


def test_a_month_without_a_statement_has_no_file(lake: Settings, out: Path) -> None:
    manifest = write_transparency(lake, out, "2026-02")
    assert manifest["statement_files"] == [] and not (out / "statements").exists()


@pytest.mark.parametrize(("n", "sizes"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_files_are_cut_at_a_hundred(n: int, sizes: list[int]) -> None:
    files = statement_files([{"puid": str(number)} for number in range(n)], [], [])
    assert [len(file.puids) for file in files] == sizes
    assert [file.number for file in files] == list(range(1, len(sizes) + 1))
