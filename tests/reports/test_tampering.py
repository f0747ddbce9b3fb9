"""Each tampering with a report is found, at the path where it was done: by whoever has no rights in the lake, and by
whoever has all of them but no key."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.lake.catalog import connect
from carlos_tasks.moderation.approval import Approval
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.reports.bundles.release import release_report
from carlos_tasks.reports.bundles.seal import enter_report, entry_json
from carlos_tasks.reports.check import LEDGER, Verdict, check_report
from carlos_tasks.reports.moderation.report import store_moderation
from carlos_tasks.reports.transparency.report import store_transparency
from carlos_tasks.settings import Settings
from tests.lakes import migrated_lake, settings_of
from tests.reports.conftest import fill_lake, keep_pictures
from tests.reports.tampering import (
    MANIFEST,
    RELEASE,
    SEAL,
    Kept,
    Tamper,
    edit,
    forge_entry,
    in_turn,
    listed_too,
    read,
    rehash,
    without_line,
    write,
)

PAGE, TABLE, STATEMENTS = "transparency.html", "tables/notices.csv", "statements/0001.json"
NOT_IN_LEDGER = "is not in the ledger of the lake"
OTHER_ENTRY = "its entry in the ledger is that of something else"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A lake with something to report, and two kept reports of it, one of them released."""
    settings = settings_of(tmp_path_factory.mktemp("tampering"))
    migrated_lake(settings)
    profile_id = load_profile("micro").profile_id
    with connect(settings, read_only=False) as con:
        con.execute("begin")
        fill_lake(con, profile_id)
        con.execute("commit")
    keep_pictures(settings, profile_id)
    moderation = store_moderation(settings)
    transparency = store_transparency(settings, "2026-03")
    release_report(settings, transparency.prefix, transparency.manifest_sha256, approved_now(settings, transparency))
    return Kept(settings, transparency.prefix, moderation.prefix)


def approved_now(settings: Settings, kept: Any) -> Approval:
    """An approval that came right after the report."""
    created_at = read(Path(settings.store) / kept.prefix.rstrip("/"), MANIFEST)["created_at"]
    return Approval(True, "7", "ana", created_at)


@pytest.fixture
def copy(kept: Kept, tmp_path: Path) -> Path:
    """The released report, taken elsewhere."""
    return Path(shutil.copytree(kept.folder(kept.released), tmp_path / "copy"))


@pytest.fixture
def own_lake(kept: Kept) -> Iterator[Kept]:
    """The lake for one test: its catalog is as it was before, afterwards."""
    catalog = Path(kept.settings.catalog.removeprefix("sqlite:"))
    before = catalog.with_name("before.sqlite")
    with closing(sqlite3.connect(catalog)) as now, closing(sqlite3.connect(before)) as copy:
        now.backup(copy)
    yield kept
    for leftover in catalog.parent.glob("catalog.sqlite*"):
        leftover.unlink()
    before.rename(catalog)


def told(verdict: Verdict) -> list[tuple[str, str]]:
    return [(row["path"], row["fault"]) for row in verdict.faults]


def test_what_nobody_touched_has_no_fault_and_says_who_approved_it(kept: Kept, copy: Path) -> None:
    for place in (copy, kept.folder(kept.released), kept.folder(kept.other)):
        verdict = check_report(str(place), kept.settings)
        assert told(verdict) == [] and verdict.not_checked == []
        assert [line.partition(" ")[0] for line in verdict.vouched_by] == ["entry"]
        assert "recomputed_from" in verdict.facts
    assert check_report(str(copy), kept.settings).facts["approved_by"] == "ana"


def _swap(folder: Path, kept: Kept) -> None:
    for name in (MANIFEST, SEAL):
        shutil.copy(kept.folder(kept.other) / name, folder / name)


def _other_report(folder: Path, kept: Kept) -> None:
    shutil.rmtree(folder)
    shutil.copytree(kept.folder(kept.other), folder)
    release = read(kept.folder(kept.released), RELEASE)
    write(folder, RELEASE, release | {"manifest_sha256": read(folder, SEAL)["manifest_sha256"]})


def _other_report_without_entry(folder: Path, kept: Kept) -> None:
    _other_report(folder, kept)
    write(folder, RELEASE, read(folder, RELEASE) | {"entry": None})


def _redacted(folder: Path, kept: Kept) -> None:
    data = (folder / PAGE).read_bytes().replace(b"Trade mark", b"Trademark")
    file = {"path": PAGE, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / PAGE).write_bytes(data)
    lora = {"lora_id": "c" * 64, "decision_id": "takedown-c", "redacted_at": "2026-03-20T00:00:00.000000Z"}
    sha256, entry = read(folder, SEAL)["manifest_sha256"], read(folder, SEAL)["entry"]
    write(folder, "redactions.json", {"manifest_sha256": sha256, "loras": [lora], "files": [file], "entry": entry})


def _left_out(folder: Path, kept: Kept) -> None:
    (folder / STATEMENTS).unlink()
    files = [file for file in read(folder, MANIFEST)["files"] if file["path"] != STATEMENTS]
    rehash(folder, files=files, left_out=[{"path": STATEMENTS, "reason": "nothing to say"}])


TAMPERINGS: dict[str, tuple[Tamper, str, str]] = {
    "made earlier": (lambda f, k: rehash(f, created_at="2026-03-20T00:00:00+00:00"), SEAL, OTHER_ENTRY),
    "made later": (lambda f, k: rehash(f, created_at="2199-01-01T00:00:00+00:00"), SEAL, OTHER_ENTRY),
    "another snapshot": (lambda f, k: rehash(f, snapshot_id=2), MANIFEST, "another time than the lake"),
    "a snapshot to come": (lambda f, k: rehash(f, snapshot_id=10**6), MANIFEST, "which the lake does not have"),
    "committed at another time": (
        lambda f, k: rehash(f, committed_at="2026-03-01T00:00:00+00:00"),
        MANIFEST,
        "another time than the lake",
    ),
    "of another version": (lambda f, k: rehash(f, code_version="9.9.9"), MANIFEST, "another code_version than"),
    "another month": (lambda f, k: rehash(f, month="2026-02"), MANIFEST, "another month than"),
    "another head": (lambda f, k: rehash(f, ledger={"position": 3, "entry_hash": "0" * 64}), LEDGER, "kept elsewhere"),
    "no head": (lambda f, k: rehash(f, ledger=None), SEAL, OTHER_ENTRY),
    "whose pictures": (lambda f, k: rehash(f, pictures_of=["c" * 64]), SEAL, OTHER_ENTRY),
    "page edited": (lambda f, k: edit(f / PAGE, b"2026", b"2027"), PAGE, "is not what was written"),
    "page edited, re-hashed": (in_turn(lambda f: edit(f / PAGE, b"2026", b"2027"), rehash), SEAL, OTHER_ENTRY),
    "table edited, re-hashed": (
        in_turn(lambda f: edit(f / TABLE, b"ncii", b"spam"), rehash),
        TABLE,
        "the lake gives",
    ),
    "entry forged": (
        in_turn(lambda f: edit(f / TABLE, b"ncii", b"spam"), rehash, forge_entry),
        MANIFEST,
        NOT_IN_LEDGER,
    ),
    "file removed": (lambda f, k: (f / TABLE).unlink(), TABLE, "is missing"),
    "file and line removed": (lambda f, k: without_line(f, TABLE), TABLE, "neither listed nor here"),
    "file left out": (_left_out, STATEMENTS, "neither listed nor here"),
    "manifest emptied": (lambda f, k: (f / MANIFEST).write_bytes(b""), MANIFEST, "is not that of a report"),
    "no files listed": (lambda f, k: rehash(f, files=[]), MANIFEST, "lists no file"),
    "link added": (lambda f, k: (f / "more.csv").symlink_to("/etc/hostname"), "more.csv", "is a link"),
    "file added": (lambda f, k: (f / "tables/more.csv").write_text("x"), "tables/more.csv", "no part"),
    "hidden file added": (lambda f, k: (f / "tables/.x").write_text("x"), "tables/.x", "no part"),
    "folder added": (lambda f, k: (f / "annex").mkdir(), "annex", "is an empty folder"),
    "case variant added": (
        lambda f, k: shutil.copy(f / PAGE, f / "SEAL.json"),
        "SEAL.json",
        "no part",
    ),
    "file and line added": (
        lambda f, k: listed_too(f, "tables/x.csv", b"x"),
        "tables/x.csv",
        "no part of such a report",
    ),
    "manifest of another report": (_swap, "moderation.html", "is missing"),
    "seal gone": (lambda f, k: (f / SEAL).unlink(), SEAL, "is missing"),
    "entry taken from the seal": (
        lambda f, k: write(f, SEAL, read(f, SEAL) | {"entry": None}),
        SEAL,
        "lacks its entry",
    ),
    "entry changed": (
        lambda f, k: write(f, SEAL, read(f, SEAL) | {"entry": read(f, SEAL)["entry"] | {"position": 1}}),
        SEAL,
        OTHER_ENTRY,
    ),
    "signature added": (lambda f, k: rehash(f, signed_by="0" * 32), SEAL, "the signature was taken away"),
    "approver changed": (
        lambda f, k: write(f, RELEASE, read(f, RELEASE) | {"approved_by": "bo"}),
        RELEASE,
        OTHER_ENTRY,
    ),
    "approval earlier": (
        lambda f, k: write(f, RELEASE, read(f, RELEASE) | {"approved_at": "2026-01-01T00:00:00+00:00"}),
        RELEASE,
        "before it was made",
    ),
    "approval of another": (
        lambda f, k: write(f, RELEASE, read(f, RELEASE) | {"manifest_sha256": "0" * 64}),
        RELEASE,
        "approves another manifest",
    ),
    "approval gone": (lambda f, k: (f / RELEASE).unlink(), RELEASE, "says that the report was released"),
    "approval forged": (_other_report, RELEASE, OTHER_ENTRY),
    "approval without entry": (
        _other_report_without_entry,
        RELEASE,
        NOT_IN_LEDGER,
    ),
    "a change called a redaction": (_redacted, "redactions.json", OTHER_ENTRY),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_what_is_done_to_a_report_is_found(kept: Kept, copy: Path, name: str) -> None:
    tamper, path, fault = TAMPERINGS[name]
    tamper(copy, kept)
    verdict = check_report(str(copy), kept.settings)
    assert [row for row in told(verdict) if row[0] == path and fault in row[1]], told(verdict)
    assert verdict.vouched_by == []


# With all rights in the lake, but without its key: the new manifest is entered, as any report is.
INSIDERS: dict[str, tuple[Tamper, str, str]] = {
    "made earlier": (lambda f, k: rehash(f, created_at="2026-03-20T00:00:00+00:00"), MANIFEST, "before the state"),
    "made long ago": (lambda f, k: rehash(f, created_at="2199-01-01T00:00:00+00:00"), MANIFEST, "was entered at"),
    "another snapshot": (lambda f, k: rehash(f, snapshot_id=2), MANIFEST, "another time than the lake"),
    "table edited": (
        in_turn(lambda f: edit(f / TABLE, b"ncii", b"spam"), rehash),
        TABLE,
        "is not what the lake gives",
    ),
    "page edited": (in_turn(lambda f: edit(f / PAGE, b"2026", b"2027"), rehash), PAGE, "not the page that the lake"),
    "line removed": (lambda f, k: without_line(f, TABLE), TABLE, "neither listed nor here"),
    "line added": (lambda f, k: listed_too(f, "tables/x.csv", b"x"), "tables/x.csv", "no part of such a report"),
    "counts changed": (
        lambda f, k: rehash(f, summary={"n_notices": 0}),
        MANIFEST,
        "says another summary than the lake",
    ),
}


@pytest.mark.parametrize("name", INSIDERS)
def test_what_is_entered_anew_is_still_not_what_the_lake_gives(own_lake: Kept, copy: Path, name: str) -> None:
    tamper, path, fault = INSIDERS[name]
    tamper(copy, own_lake)
    (copy / RELEASE).unlink()
    entry = enter_report(own_lake.settings, (copy / MANIFEST).read_bytes())
    write(copy, SEAL, read(copy, SEAL) | {"entry": entry_json(entry)})
    verdict = check_report(str(copy), own_lake.settings)
    assert [row for row in told(verdict) if row[0] == path and fault in row[1]], told(verdict)
    assert not [row for row in told(verdict) if row[1] == NOT_IN_LEDGER]


@pytest.mark.parametrize(
    ("statement", "path", "fault"),
    [
        ("delete from core.ledger where kind = 'report'", MANIFEST, NOT_IN_LEDGER),
        ("delete from core.ledger where kind = 'release'", RELEASE, NOT_IN_LEDGER),
        ("delete from core.ledger", MANIFEST, NOT_IN_LEDGER),
        ("delete from core.ledger where position >= (select max(position) - 2 from core.ledger)", LEDGER, "head"),
        (
            "update core.ledger set entered_at = entered_at - interval 1 day where kind = 'report'",
            MANIFEST,
            NOT_IN_LEDGER,
        ),
        ("update core.decision set analyst = 'bo'", LEDGER, "changed"),
    ],
)
def test_a_ledger_that_was_changed_is_found(own_lake: Kept, copy: Path, statement: str, path: str, fault: str) -> None:
    with connect(own_lake.settings, read_only=False) as con:
        con.execute(statement)
    found = told(check_report(str(copy), own_lake.settings))
    assert [row for row in found if row[0] == path and fault in row[1]], found


def test_a_head_that_was_kept_elsewhere_is_in_the_ledger(kept: Kept, copy: Path) -> None:
    head = read(copy, SEAL)["entry"]
    assert told(check_report(str(copy), kept.settings, head=f"{head['position']}:{head['entry_hash']}")) == []
    found = told(check_report(str(copy), kept.settings, head="0" * 64))
    assert [path for path, _ in found] == [LEDGER]
    alone = check_report(str(copy), head=head["entry_hash"])
    assert told(alone) == [] and "head" in alone.vouched_by[0]
    other = check_report(str(copy), head="0" * 64)
    assert other.vouched_by == [] and any("whether the head 0000" in line for line in other.not_checked)


def test_a_report_that_lies_in_the_place_of_another_is_found(own_lake: Kept) -> None:
    place = own_lake.folder(own_lake.other)
    shutil.move(place, place.with_name("aside"))
    shutil.copytree(own_lake.folder(own_lake.released), place)
    try:
        found = told(check_report(str(place), own_lake.settings))
    finally:
        shutil.rmtree(place)
        shutil.move(place.with_name("aside"), place)
    assert found == [(MANIFEST, f"is of a report that is kept at {own_lake.released}, not here")]
