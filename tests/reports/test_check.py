"""Checking a report: what was changed, lost, added, or approved for other bytes is told; what is none is refused."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.reports.bundles.bundle import write_bundle
from carlos_tasks.reports.bundles.check import check_report

FACTS = {"profile_id": "p", "snapshot_id": 3, "code_version": "1", "created_at": datetime(2026, 1, 2, tzinfo=UTC)}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of one table and one picture."""
    folder = tmp_path / "report"
    tables = {"t": [{"name": "a"}]}
    page = "<!doctype html><p>A page"
    files = {"pictures/one.webp": b"1"}
    write_bundle(folder, "r", facts=FACTS, tables=tables, html=page, print_html=page, files=files)
    return folder


def approve(report: Path, manifest_sha256: str) -> None:
    released = {"manifest_sha256": manifest_sha256, "approved_by": "lead", "approved_at": "2026-01-03T00:00:00+00:00"}
    (report / "release.json").write_text(json.dumps(released))


def test_a_report_is_what_was_written_and_says_who_approved_it(report: Path) -> None:
    facts, faults = check_report(str(report))
    assert (facts["report"], facts["n_files"], faults) == ("r", 6, [])
    approve(report, facts["manifest_sha256"])
    facts, faults = check_report(str(report))
    assert (facts["approved_by"], facts["approved_at"], faults) == ("lead", "2026-01-03T00:00:00+00:00", [])


def test_what_was_changed_lost_or_added_is_told_by_its_path(report: Path) -> None:
    (report / "pictures" / "one.webp").write_bytes(b"2")
    (report / "tables" / "t.csv").unlink()
    (report / "pictures" / "two.webp").write_bytes(b"1")
    assert check_report(str(report))[1] == [
        {"path": "pictures/one.webp", "fault": "is not what was written"},
        {"path": "tables/t.csv", "fault": "is missing"},
        {"path": "pictures/two.webp", "fault": "is no part of the report"},
    ]


def test_a_link_in_the_place_of_a_file_is_not_the_file(report: Path) -> None:
    page = report / "r.html"
    page.rename(report.parent / "r.html")
    page.symlink_to(report.parent / "r.html")
    assert check_report(str(report))[1] == [{"path": "r.html", "fault": "is missing"}]


def test_an_approval_of_other_bytes_is_none(report: Path) -> None:
    approve(report, "0" * 64)
    assert check_report(str(report))[1] == [
        {"path": "release.json", "fault": "approves another manifest than this one"}
    ]
    (report / "release.json").write_text("{")
    with pytest.raises(CarlosError, match=r"release\.json of .* is no JSON"):
        check_report(str(report))


@pytest.mark.parametrize(
    "manifest", [b"{", b"[]", b"{}", b'{"report": "r", "files": [{"path": "../x", "sha256": ""}]}']
)
def test_a_manifest_that_is_none_is_one_clear_line(report: Path, manifest: bytes) -> None:
    (report / "manifest.json").write_bytes(manifest)
    with pytest.raises(CarlosError, match="is not that of a report"):
        check_report(str(report))


def test_where_no_finished_report_lies_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"holds no manifest\.json"):
        check_report(str(tmp_path))
    with pytest.raises(NotFound, match=r"holds no manifest\.json"):
        check_report(str(tmp_path / "nowhere"))
