"""Who approved a kept report, and of which bytes: entered in the ledger, and written beside the report."""

from dataclasses import asdict
from datetime import UTC, datetime

import orjson
import pytest

from carlos_tasks.errors import NotFound, PassingError, PermanentError
from carlos_tasks.lake.catalog import connect
from carlos_tasks.ledger.chain import entry_of
from carlos_tasks.moderation.approval import Approval
from carlos_tasks.reports.bundles.release import release_report
from carlos_tasks.reports.bundles.stored import KeptReport
from carlos_tasks.reports.check import check_report
from carlos_tasks.reports.transparency.report import store_transparency
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.folder import FolderStore

ANSWER = {
    "chosen_options": ["Approve"],
    "responded_at": datetime.now(UTC),
    "responded_by_user": {"id": "7", "name": "ana"},
}


@pytest.fixture
def kept(made: Settings) -> KeptReport:
    """The report of a month of an empty lake."""
    return store_transparency(made, "2026-01")


def release_of(settings: Settings, kept: KeptReport) -> bytes | None:
    store = open_store(settings.store)
    return store.read(f"{kept.prefix}release.json") if store.exists(f"{kept.prefix}release.json") else None


def test_a_release_names_the_person_and_the_bytes_and_is_in_the_ledger(made: Settings, kept: KeptReport) -> None:
    store = open_store(made.store)
    before = store.read(f"{kept.prefix}manifest.json")
    released = release_report(made, kept.prefix, kept.manifest_sha256, Approval.of(ANSWER))
    assert asdict(released) == {
        "manifest_sha256": kept.manifest_sha256,
        "approved_by": "ana",
        "approved_at": ANSWER["responded_at"].isoformat(),  # type: ignore[attr-defined]
    }
    told = orjson.loads(release_of(made, kept) or b"")
    assert {name: told[name] for name in asdict(released)} == asdict(released)
    with connect(made) as con:
        entry = entry_of(con, "release", kept.manifest_sha256)
    assert entry is not None and told["entry"]["entry_hash"] == entry.entry_hash
    assert store.read(f"{kept.prefix}manifest.json") == before
    assert check_report(f"{made.store}/{kept.prefix}", made).facts["approved_by"] == "ana"


def test_what_was_released_is_not_drafted_again_and_a_draft_that_was_not_is(made: Settings, kept: KeptReport) -> None:
    drafted = store_transparency(made, "2026-01", again=True)
    assert drafted.is_new and drafted.manifest_sha256 != kept.manifest_sha256
    open_store(made.store).write(f"{drafted.prefix}release.json", b"{}")
    drafted = store_transparency(made, "2026-01", again=True)
    assert drafted.is_new, "a release that somebody laid there is none"
    release_report(made, drafted.prefix, drafted.manifest_sha256, Approval.of(ANSWER))
    assert not store_transparency(made, "2026-01", again=True).is_new


def test_killed_between_entry_and_file_it_is_run_again(
    made: Settings, kept: KeptReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(store: FolderStore, key: str, data: bytes) -> None:
        raise PassingError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(FolderStore, "write", full)
        with pytest.raises(PassingError):
            release_report(made, kept.prefix, kept.manifest_sha256, Approval.of(ANSWER))
    assert release_of(made, kept) is None
    release_report(made, kept.prefix, kept.manifest_sha256, Approval.of(ANSWER))
    with connect(made) as con:
        n_entries = con.execute("select count(*) from core.ledger where kind = 'release'").fetchall()
    assert n_entries == [(1,)] and release_of(made, kept) is not None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ANSWER | {"responded_by_user": None}, "names nobody"),
        (ANSWER | {"chosen_options": ["Reject"]}, "nobody has approved"),
        (None, "nobody has approved"),
    ],
)
def test_without_the_approval_of_a_person_nothing_is_released(
    made: Settings, kept: KeptReport, answer: dict[str, object] | None, said: str
) -> None:
    with pytest.raises(PermanentError, match=said):
        release_report(made, kept.prefix, kept.manifest_sha256, Approval.of(answer))
    assert release_of(made, kept) is None


def test_a_report_that_is_not_whole_is_not_released(made: Settings) -> None:
    with pytest.raises(NotFound):
        release_report(made, "reports/r/", "0" * 64, Approval.of(ANSWER))


def test_a_draft_that_took_the_place_of_what_was_approved_is_not_released(made: Settings, kept: KeptReport) -> None:
    assert store_transparency(made, "2026-01", again=True).is_new
    with pytest.raises(PermanentError, match="the newer draft needs its own approval"):
        release_report(made, kept.prefix, kept.manifest_sha256, Approval.of(ANSWER))
    assert release_of(made, kept) is None


def test_a_report_that_is_not_in_the_ledger_is_not_released(made: Settings, kept: KeptReport) -> None:
    from carlos_tasks.reports.bundles.seal import sha256_of

    open_store(made.store).write(f"{kept.prefix}manifest.json", b"{}")
    with pytest.raises(PermanentError, match="is not in the ledger"):
        release_report(made, kept.prefix, sha256_of(b"{}"), Approval.of(ANSWER))
