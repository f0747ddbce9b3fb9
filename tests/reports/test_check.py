"""Checking a report without the lake: what was changed, lost or added is told; and what nobody vouches for as well."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.ledger.canonical import canonical_json
from carlos_tasks.ledger.keys import Signer, make_key
from carlos_tasks.reports.bundles.bundle import write_bundle
from carlos_tasks.reports.check import check_report
from carlos_tasks.store import open_store

PAGE = "<!doctype html><p>A page"
FACTS = {
    "profile_id": "p",
    "snapshot_id": 3,
    "committed_at": datetime(2026, 1, 1, tzinfo=UTC),
    "code_version": "1",
    "created_at": datetime(2026, 1, 2, tzinfo=UTC),
}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report of one table and one picture, which nobody signed."""
    return written(tmp_path / "report")


@pytest.fixture
def key(tmp_path: Path) -> Signer:
    """A key; its public part is deployment.pem.pub."""
    return make_key(tmp_path / "deployment.pem")


def written(folder: Path, signer: Signer | None = None) -> Path:
    write_bundle(
        folder,
        "r",
        facts=FACTS,
        tables={"t": [{"name": "a"}]},
        html=PAGE,
        print_html=PAGE,
        files={"pictures/one.webp": b"1"},
        signer=signer,
    )
    return folder


def faults(report: Path, public_key: Path | None = None) -> list[tuple[str, str]]:
    found = check_report(str(report), keys=public_key).faults
    return [(row["path"], row["fault"]) for row in found]


def test_without_key_and_lake_it_says_that_nobody_vouches(report: Path) -> None:
    verdict = check_report(str(report))
    assert (verdict.facts["report"], verdict.facts["n_files"], verdict.faults) == ("r", 6, [])
    assert verdict.vouched_by == [] and "the ledger of the lake" in verdict.not_checked[0]


def test_a_key_that_was_kept_elsewhere_vouches(tmp_path: Path, key: Signer) -> None:
    report, public_key = written(tmp_path / "report", key), tmp_path / "deployment.pem.pub"
    verdict = check_report(str(report), keys=public_key)
    assert (verdict.faults, verdict.vouched_by) == ([], [f"signed with key {key.key_id}"])
    (without_key,) = [line for line in check_report(str(report)).not_checked if "signature" in line]
    assert "--key" in without_key


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("stripped", "the signature was taken away"),
        ("stripped and unsaid", "has no signature"),
        ("another key", "is not known"),
        ("another manifest", "is the seal of another manifest"),
        ("rewritten", "is the seal of another manifest"),
        ("seal of the rewritten", "the signature is not one of key"),
        ("missing", "is missing"),
        ("garbage", "is no seal of a report"),
    ],
)
def test_a_signature_that_is_none_is_told(tmp_path: Path, key: Signer, change: str, fault: str) -> None:
    report, seal = written(tmp_path / "report", key), tmp_path / "report" / "seal.json"
    told, manifest = orjson.loads(seal.read_bytes()), orjson.loads((report / "manifest.json").read_bytes())
    if change == "another key":
        written(report, make_key(tmp_path / "stranger.pem"))
    elif change == "missing":
        seal.unlink()
    elif change == "garbage":
        seal.write_bytes(b"[]")
    elif change == "another manifest":
        seal.write_bytes(canonical_json(told | {"manifest_sha256": "0" * 64}))
    elif change == "stripped":
        seal.write_bytes(canonical_json(told | {"key_id": None, "signature": None}))
    else:
        manifest |= {"signed_by": None} if change == "stripped and unsaid" else {"created_at": "2026-01-01T00:00:00Z"}
        data = canonical_json(manifest)
        (report / "manifest.json").write_bytes(data)
        if change != "rewritten":
            gone = {"key_id": None, "signature": None} if change == "stripped and unsaid" else {}
            seal.write_bytes(canonical_json(told | gone | {"manifest_sha256": hashlib.sha256(data).hexdigest()}))
    found = faults(report, tmp_path / "deployment.pem.pub")
    assert [path for path, _ in found] == ["seal.json"] and fault in found[0][1]


def test_what_was_changed_lost_or_added_is_told_by_its_path(report: Path) -> None:
    (report / "pictures" / "one.webp").write_bytes(b"2")
    (report / "tables" / "t.csv").unlink()
    (report / "pictures" / "two.webp").write_bytes(b"1")
    assert faults(report) == [
        ("pictures/one.webp", "is not what was written"),
        ("tables/t.csv", "is missing"),
        ("pictures/two.webp", "is no part of the report"),
    ]


def test_nothing_more_may_lie_beside_it(report: Path) -> None:
    (report / "empty").mkdir()
    (report / ".hidden").write_text("x")
    (report / ".writing-x").write_text("a name that listings of a store pass over")
    (report / "link").symlink_to(report / "r.html")
    (report / "folder-link").symlink_to(report.parent)
    (report / "R.html").write_text("another case")
    (report / "t\u0430bles.csv").write_text("a Cyrillic letter")
    (report / "r.html\u200b").write_text("a letter without width")
    os.mkfifo(report / "pipe")
    (report / os.fsdecode(b"\xff.csv")).write_text("no text")
    found = dict(faults(report))
    assert {path for path, fault in found.items() if "no part of the report" in fault} == {
        *("empty", ".hidden", ".writing-x", "link", "folder-link", "R.html", "t\u0430bles.csv", "r.html\u200b", "pipe"),
        "\\udcff.csv",
    }
    assert found["r.html\u200b"] == "is no part of the report (its name is r.html\\u200b)"
    assert "is a link" in found["folder-link"] and "is an empty folder" in found["empty"]


def test_in_object_storage_what_lies_beside_it_is_told_too(report: Path, s3_uri: str) -> None:
    store = open_store(f"{s3_uri}/report")
    for path in report.rglob("*"):
        if path.is_file():
            store.upload(path, path.relative_to(report).as_posix())
    assert check_report(f"{s3_uri}/report").faults == []
    store.write("tables/more.csv", b"a")
    assert check_report(f"{s3_uri}/report").faults == [{"path": "tables/more.csv", "fault": "is no part of the report"}]


def test_a_link_in_the_place_of_a_file_is_not_the_file(report: Path) -> None:
    page = report / "r.html"
    page.rename(report.parent / "r.html")
    page.symlink_to(report.parent / "r.html")
    assert faults(report) == [("r.html", "is a link, and no part of the report")]


def test_a_link_in_the_place_of_the_manifest_is_none(report: Path) -> None:
    (report / "manifest.json").rename(report.parent / "manifest.json")
    (report / "manifest.json").symlink_to(report.parent / "manifest.json")
    assert ("manifest.json", "is a link, and no part of the report") in faults(report)


def test_the_manifest_and_the_report_say_the_same(report: Path) -> None:
    path = report / "manifest.json"
    path.write_bytes(canonical_json(orjson.loads(path.read_bytes()) | {"snapshot_id": 2}))
    assert ("manifest.json", "says another snapshot_id than r.json") in faults(report)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda told: told | {"files": []}, "lists no file"),
        (lambda told: told | {"files": told["files"] * 2}, "lists a file twice, or not in order"),
        (
            lambda told: {name: told[name] for name in told if name != "created_at"},
            "does not say created_at as a report does",
        ),
        (
            lambda told: {"report": "r", "files": [{"path": "../x", "sha256": "", "bytes": 0}]},
            "is not that of a report",
        ),
        (lambda told: {"report": "r", "files": [{"path": "x", "sha256": ""}]}, "is not that of a report"),
        (lambda told: {}, "is not that of a report"),
        (lambda told: [], "is not that of a report"),
    ],
)
def test_a_manifest_that_cannot_be_right_is_told(report: Path, change: object, fault: str) -> None:
    path = report / "manifest.json"
    assert callable(change)
    path.write_bytes(canonical_json(change(orjson.loads(path.read_bytes()))))
    assert ("manifest.json", fault) in faults(report)


@pytest.mark.parametrize("manifest", [b"", b"{", b"\xff", b'{"report": "r"}'])
def test_a_manifest_of_nothing_is_told(report: Path, manifest: bytes) -> None:
    (report / "manifest.json").write_bytes(manifest)
    assert faults(report) == [("manifest.json", "is not that of a report")]


def test_a_manifest_in_which_a_name_stands_twice_is_told(report: Path) -> None:
    path = report / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'{"code_version"', b'{"code_version":"9","code_version"', 1))
    assert (
        "manifest.json",
        "is not in the form that reports are written in: something was written into it by hand",
    ) in (faults(report))


def test_two_paths_that_can_hardly_be_told_apart_are_told(report: Path) -> None:
    path = report / "manifest.json"
    told = orjson.loads(path.read_bytes())
    twin = next(file for file in told["files"] if file["path"] == "r.html") | {"path": "R.html"}
    (report / "R.html").write_text(PAGE)
    path.write_bytes(canonical_json(told | {"files": sorted([*told["files"], twin], key=lambda one: one["path"])}))
    assert ("r.html", "can hardly be told from R.html") in faults(report)


def test_an_approval_of_other_bytes_is_none(report: Path) -> None:
    release = {"manifest_sha256": "0" * 64, "approved_by": "lead", "approved_at": "2026-01-03T00:00:00+00:00"}
    (report / "release.json").write_bytes(canonical_json(release | {"entry": None}))
    assert faults(report) == [("release.json", "approves another manifest than this one")]
    (report / "release.json").write_text("{")
    assert faults(report) == [("release.json", "is no release of a report")]


def test_a_head_that_is_none_is_one_clear_line(report: Path) -> None:
    with pytest.raises(CarlosError, match="no head of a ledger"):
        check_report(str(report), head="12:abc")


def test_where_no_finished_report_lies_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"holds no manifest\.json"):
        check_report(str(tmp_path))
    with pytest.raises(NotFound, match=r"holds no manifest\.json"):
        check_report(str(tmp_path / "nowhere"))
