"""Care for a lake that is used meanwhile, and care that is killed: nothing is lost, and every number is what it was."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from carlos_tasks.care.archive import backup_ids
from carlos_tasks.care.compaction import compact
from carlos_tasks.care.expiry import expire
from carlos_tasks.care.restore import restore
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.verification.run import verify
from tests.care.grown_lake import files_of, grow, history, killed, night
from tests.commit.small_index import baseline, embedded, with_effect
from tests.commit.test_damaged import known_loras
from tests.lake.postgres_server import postgres_server
from tests.lakes import settings_of

REPOSITORY = Path(__file__).parents[2]
NUMBERS = "select * exclude (computed_at) from core.representation order by lora_id"
DIFFERENCES = "from core.prompt_difference order by all"
NEW = "bcdefg"


@pytest.fixture(params=["sqlite", "postgres"])
def used(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Where a lake in a folder is to lie, with an SQLite catalog and with one in PostgreSQL."""
    if request.param == "sqlite":
        yield settings_of(tmp_path / "used")
    else:
        with postgres_server() as server:
            yield Settings(store=str(tmp_path / "used"), catalog=f"postgres:{server.libpq}")


def measured(settings: Settings, profile: Profile, names: str) -> None:
    """LoRAs whose shards and outcomes lie in the store, and that no commit has taken yet."""
    known_loras(settings, *names)
    for name in names:
        embedded(open_store(settings.store), profile, name, with_effect(baseline(profile), ord(name)))


def beside(settings: Settings, what: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.care.beside", what, settings.store, settings.catalog, *arguments]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE)


def test_commits_care_and_backups_at_once_lose_nothing(used: Settings, profile: Profile, tmp_path: Path) -> None:
    quiet = settings_of(tmp_path / "quiet")
    for lake in (quiet, used):
        grow(lake, profile, "a")
        measured(lake, profile, NEW)
    for name in NEW:
        night(quiet, profile, name)
    ended, place = tmp_path / "ended", str(tmp_path / "backups")
    others = [beside(used, "care", str(ended)), beside(used, "back_up", place, str(ended))]
    committing = beside(used, "commit", profile.model_dump_json(), NEW)
    _, said = committing.communicate(timeout=300)
    ended.touch()
    for other in others:
        _, its = other.communicate(timeout=120)
        assert other.returncode == 0, its.decode()
    assert committing.returncode == 0, said.decode()
    with connect(used) as con, connect(quiet) as calm:
        for question in (NUMBERS, DIFFERENCES):
            assert con.execute(question).fetchall() == calm.execute(question).fetchall() != []
        assert run_checks(con) == []
        ((n_expired,),) = con.execute("select count(*) from core.expired_snapshot").fetchall()
        assert n_expired > 0
    assert verify(used).damages == ()
    with connect(quiet) as calm:
        truth = calm.execute(NUMBERS).fetchall()
    ids = backup_ids(open_store(place))
    assert len(ids) > 1
    for number, backup_id in enumerate((ids[0], ids[len(ids) // 2], ids[-1])):
        there = settings_of(tmp_path / f"restored-{number}")
        restored = restore(there, place, backup_id)
        assert (restored.damaged, restored.backup.faults) == ((), ())
        with connect(there) as con:
            assert run_checks(con) == []
            had = con.execute(NUMBERS).fetchall()
        assert had == truth[: len(had)]  # LoRAs are committed in the order of their names
        assert verify(there).damages == ()


@pytest.mark.parametrize(
    ("module", "name", "nth"),
    [("care.compaction", "_merge", 2), ("care.compaction", "transaction", 4), ("lake.seals", "seal", 1)],
)
def test_a_killed_compaction_goes_on(settings: Settings, profile: Profile, module: str, name: str, nth: int) -> None:
    grow(settings, profile, "abc")
    before = history(settings)
    killed(settings, f"carlos_tasks.{module}", name, nth, "lake", "compact")
    compact(settings, 2)
    assert set(files_of(settings).values()) == {1}
    after = history(settings)
    assert {key: after[key] for key in before} == before
    assert verify(settings).damages == ()


@pytest.mark.parametrize(
    ("module", "name"), [("care.expiry", "_found"), ("care.expiry", "run_statement"), ("lake.seals", "seal")]
)
def test_a_killed_expiry_goes_on(settings: Settings, profile: Profile, module: str, name: str) -> None:
    grow(settings, profile, "ab")
    with closing(sqlite3.connect(settings.catalog.removeprefix("sqlite:"))) as catalog, catalog:
        catalog.execute("update ducklake_snapshot set snapshot_time = '2020-01-01 00:00:00+00'")
    killed(settings, f"carlos_tasks.{module}", name, 1, "lake", "expire", "--keep-last", "1")
    with connect(settings) as con:
        ((n_told,),) = con.execute("select count(*) from core.expired_snapshot").fetchall()
        n_left = len(con.execute("from mart.commit_log").fetchall())
        assert (n_told > 0) == (name == "seal") == (n_left < 4)
    expire(settings, timedelta(0), 1)
    with connect(settings) as con:
        told = con.execute("select snapshot_id from core.expired_snapshot order by 1").fetchall()
        assert len(set(told)) == len(told) > 3
        assert con.execute(NUMBERS).fetchall() and run_checks(con) == []
    assert verify(settings).damages == ()
