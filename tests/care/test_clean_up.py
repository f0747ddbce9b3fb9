"""What a commit leaves that was killed is removed after a day; nothing else ever is."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from carlos_tasks.care.clean_up import clean_up
from carlos_tasks.commit.index import commit_index
from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE
from tests.commit.small_index import baseline, embedded, small_profile, with_effect
from tests.commit.test_index import REPRESENTATION

# Everything is computed and written by then; only the catalog does not know it yet.
KILLED = """
import os, signal, sys
from carlos_tasks.commit import index
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings

index.calibrate_where_unset = lambda con, profile_id: os.kill(os.getpid(), signal.SIGKILL)
settings = Settings(store=sys.argv[1], catalog=sys.argv[2])
index.commit_index(settings, Profile.model_validate_json(sys.argv[3]), sys.argv[4:])
"""


def killed_commit(settings: Settings, profile: Profile, keys: list[str]) -> None:
    """Commit in a process that dies by kill -9 before its transaction ends."""
    arguments = [settings.store, settings.catalog, profile.model_dump_json(), *keys]
    ended = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.fixture
def deployed(store_uri: str, tmp_path: Path) -> Settings:
    """A lake in a folder, and one in S3."""
    return Settings(store=store_uri, catalog=f"sqlite:{tmp_path / 'c.sqlite'}")


def test_a_killed_commits_files_are_removed_and_no_other(deployed: Settings, tmp_path: Path) -> None:
    profile, store = small_profile(tmp_path / "prompts"), open_store(deployed.store)
    base = baseline(profile)
    embedded(store, profile, BASELINE, base)
    commit_index(deployed, profile, [embedded(store, profile, "a", with_effect(base, 1))])
    key = embedded(store, profile, "b", with_effect(base, 2))
    before = {item.key for item in store.list()}
    killed_commit(deployed, profile, [key])
    left = {item.key for item in store.list()} - before
    assert len(left) >= 5 and all(name.startswith("lake/") for name in left)

    assert clean_up(deployed) == []  # it may be of a commit that is under way
    assert {item.key for item in store.list()} == before | left
    assert {url.rpartition("/lake/")[2] for url in clean_up(deployed, timedelta(0))} == {
        name.removeprefix("lake/") for name in left
    }
    # Shards that are not registered yet lie elsewhere and stay.
    assert {item.key for item in store.list()} == before
    assert clean_up(deployed, timedelta(0)) == []
    assert commit_index(deployed, profile, [key]).statuses == {"measured": 1}
    with connect(deployed) as con:
        assert [row[1] for row in con.execute(REPRESENTATION).fetchall()] == ["a", "b"]


def test_files_are_removed_once_they_are_a_day_old(settings: Settings, tmp_path: Path) -> None:
    commit_index(settings, small_profile(tmp_path / "prompts"), [])
    folder = Path(settings.store) / "lake" / "core" / "outcome"
    folder.mkdir(parents=True, exist_ok=True)
    for name, hours in (("ducklake-old.parquet", 25), ("ducklake-new.parquet", 23)):
        (folder / name).write_bytes(b"")
        then = (folder / name).stat().st_mtime - hours * 3600
        os.utime(folder / name, (then, then))
    assert [Path(url).name for url in clean_up(settings)] == ["ducklake-old.parquet"]
