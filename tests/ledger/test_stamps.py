"""Time stamps by a local authority: kept and verified, and never at a decision's cost."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.statements import rows
from carlos_tasks.ledger import stamps
from carlos_tasks.ledger.chain import head
from carlos_tasks.ledger.stamps import authority_of, read_roots, stamp_head
from carlos_tasks.ledger.verify import verification
from carlos_tasks.moderation.drafts import NoticeDraft
from carlos_tasks.moderation.notices import add_notice
from carlos_tasks.settings import Settings
from tests.ledger.authority import Authority, serving
from tests.moderation.cases_in_lake import STAR, make_lake

TESTED_SQL = {"add_stamps"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    pytest.importorskip("rfc3161_client", reason="the extra timestamps is not installed")
    with serving(Authority(tmp_path_factory.mktemp("authority"))) as one:
        yield one


@pytest.fixture
def place(tmp_path: Path, authority: Authority) -> Settings:
    """A lake whose deployment has its head stamped."""
    authority.how = "granted"
    roots = {"timestamp_url": authority.url, "timestamp_roots": str(authority.root)}
    return make_lake(tmp_path).model_copy(update=roots)


def complain(place: Settings) -> None:
    add_notice(place, NoticeDraft(STAR, "other", "user", "desk", text="Mine."))


def kept(place: Settings) -> list[dict[str, object]]:
    with connect(place) as con:
        return rows(con, "select position, entry_hash, authority from core.ledger_stamp")


def test_the_head_is_stamped_and_the_stamp_verified(place: Settings, authority: Authority) -> None:
    complain(place)
    with connect(place) as con:
        newest = head(con)
        assert newest is not None
        assert kept(place) == [{"position": 1, "entry_hash": newest.entry_hash, "authority": authority.url}]
        assert verification(con, roots=read_roots(place)).findings == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("down", "answered 503"),
        ("slow", "was too slow"),
        ("trickling", "was too slow"),
        ("garbage", "no time stamp"),
        ("another hash", "of another hash"),
        ("gone", "did not answer"),
    ],
)
def test_an_authority_that_fails_costs_the_stamp_alone(
    place: Settings,
    authority: Authority,
    how: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(stamps, "_PATIENCE_S", 0.5)
    authority.how = how
    if how == "gone":
        place = place.model_copy(update={"timestamp_url": "http://user:secret@127.0.0.1:9/tsr"})
    with caplog.at_level(logging.WARNING):
        complain(place)
    assert kept(place) == []
    with connect(place) as con:
        assert verification(con).findings == []
        assert rows(con, "select count(*) as n from core.notice") == [{"n": 1}]
    assert said in caplog.text and "secret" not in caplog.text


def test_a_stamp_of_another_authority_is_refused(place: Settings, tmp_path: Path, authority: Authority) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    wrong = place.model_copy(update={"timestamp_roots": str(other.root)})
    complain(wrong)
    assert kept(place) == []
    assert stamp_head(place)
    with connect(place) as con:
        (found,) = verification(con, roots=read_roots(wrong)).findings
    assert (found.fault, found.position) == ("stamp", 1)


@pytest.mark.parametrize(
    "change",
    [
        "entry_hash = repeat('a', 64)",
        "position = 7",
        "stamped_at = stamped_at - interval 1 day",
        "token = 'AAAA'",
        "token = '!'",
    ],
)
def test_a_stamp_that_was_changed_is_found(place: Settings, change: str) -> None:
    complain(place)
    with connect(place, read_only=False) as con:
        con.execute(f"update core.ledger_stamp set {change}")  # noqa: S608
    with connect(place) as con:
        found = verification(con, roots=read_roots(place)).findings
    assert {"stamp", "history"} == {one.fault for one in found}


def test_roots_that_cannot_be_read(place: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    complain(place.model_copy(update={"timestamp_roots": str(tmp_path / "nothing.pem")}))
    assert "CARLOS_TIMESTAMP_ROOTS" in caplog.text


def test_an_address_is_told_without_its_password() -> None:
    assert authority_of("https://user:secret@host:8443/tsr?token=x") == "https://host:8443/tsr"
