"""A lake that was moved, copied or restored elsewhere: folder or S3, and nothing of the original is read or removed."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.cli import main
from carlos_tasks.commit.index import commit_index
from carlos_tasks.errors import PermanentError, SettingsError
from carlos_tasks.lake.catalog import connect, connect_to_catalog, migrate
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.relocation import Relocation, relocate
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings, load_settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import NO_SHARDS_KEY
from carlos_tasks.store.objects import ObjectStore
from tests.commit.small_index import baseline, embedded, small_profile, with_effect, write_shards
from tests.commit.test_index import known_loras
from tests.lake.postgres_server import PostgresServer
from tests.lakes import migrated_lake, settings_of

#: Files of sql/commit that are tested here.
TESTED_SQL = {"relocate"}

REPRESENTATIONS = "select * exclude (computed_at) from core.representation order by lora_id"
PAIRS = "select * from core.embedding order by lora_id, prompt_id, seed"


@dataclass(frozen=True)
class Lake:
    """A lake with the LoRAs a and b, each of its own commit, and of every kind of file that a catalog names."""

    settings: Settings
    profile: Profile
    #: The snapshot in which only `a` was measured.
    first: int

    @property
    def store(self) -> ObjectStore:
        return open_store(self.settings.store)


def index_one(settings: Settings, profile: Profile, name: str, seed: int) -> int:
    """Measure a LoRA and commit it; returns the snapshot."""
    known_loras(settings, name)
    key = embedded(open_store(settings.store), profile, name, with_effect(baseline(profile), seed))
    return commit_index(settings, profile, [key]).snapshot_id


def fill_lake(settings: Settings, folder: Path) -> Lake:
    """Make the lake of these settings, in folders."""
    migrated_lake(settings)
    profile = small_profile(folder / "prompts")
    write_shards(open_store(settings.store), profile, "base", baseline(profile))
    first = index_one(settings, profile, "a", 1)
    index_one(settings, profile, "b", 2)
    with connect(settings, read_only=False) as con:
        # A file of deleted rows, beside a file of its own that DuckLake wrote.
        con.execute("insert into core.threshold values ('p', 'x', 1.0, 'x'), ('q', 'x', 1.0, 'x')")
        con.execute("delete from core.threshold where profile_id = 'p'")
    return Lake(settings, profile, first)


def copy_objects(source: ObjectStore, target: ObjectStore) -> None:
    """Copy every object, as `aws s3 sync` and `rclone copy` do."""
    for item in source.list():
        target.write(item.key, source.read(item.key))


def copied_catalog(settings: Settings, target: Path, store: str) -> Settings:
    """Copy a catalog in SQLite, as `sqlite3 … .backup` does; settings of the copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(settings.catalog.removeprefix("sqlite:"))) as made,
        closing(sqlite3.connect(target)) as to,
    ):
        made.backup(to)
    return Settings(store=store, catalog=f"sqlite:{target}")


def moved(settings: Settings, *, incomplete: bool = False) -> Relocation:
    """Relocate the lake to where the settings say that it lies."""
    with connect_to_catalog(settings) as con:
        return relocate(con, open_store(settings.store), incomplete=incomplete)


def asked(settings: Settings, query: str, snapshot: int | None = None) -> list[tuple[Any, ...]]:
    with connect(settings, snapshot=snapshot) as con:
        return con.execute(query).fetchall()


def contents(store: ObjectStore) -> dict[str, bytes]:
    return {item.key: store.read(item.key) for item in store.list()}


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The lake that those of the tests are copies of."""
    folder = tmp_path_factory.mktemp("lake")
    return fill_lake(settings_of(folder), folder)


def copy_of(lake: Lake, store: str, catalog: Path) -> Lake:
    """A copy of a lake, relocated there."""
    settings = copied_catalog(lake.settings, catalog, store)
    copy_objects(lake.store, open_store(store))
    moved(settings)
    return Lake(settings, lake.profile, lake.first)


@pytest.fixture
def original(made_once: Lake, tmp_path: Path) -> Lake:
    """A lake in folders."""
    return copy_of(made_once, str(tmp_path / "store"), tmp_path / "catalog.sqlite")


@pytest.fixture
def place_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], str]:
    """Where a store of a kind and name lies: `folder` or `s3`."""

    def place(kind: str, name: str) -> str:
        return str(tmp_path / name / "store") if kind == "folder" else f"{request.getfixturevalue('s3_uri')}/{name}"

    return place


@pytest.mark.parametrize("target", ["folder", "s3"])
@pytest.mark.parametrize("source", ["folder", "s3"])
def test_a_copy_answers_commits_and_keeps_its_history_without_the_original(
    source: str, target: str, made_once: Lake, place_of: Callable[[str, str], str], tmp_path: Path
) -> None:
    made = copy_of(made_once, place_of(source, "here"), tmp_path / "here" / "catalog.sqlite")
    representations, pairs = asked(made.settings, REPRESENTATIONS), asked(made.settings, PAIRS)
    early = asked(made.settings, REPRESENTATIONS, made.first)
    there = copied_catalog(made.settings, tmp_path / "there" / "catalog.sqlite", place_of(target, "there"))
    copy_objects(made.store, open_store(there.store))
    before = contents(made.store)
    for item in list(made.store.list()):
        made.store.delete(item.key)  # whatever still names the original fails from here on

    done = moved(there)
    assert (done.was, done.is_at, done.missing) == (made.store.uri, there.store, ())
    assert done.n_objects == len(
        [key for key in before if key.startswith(("lake/", "shards/")) and key != NO_SHARDS_KEY]
    )
    assert asked(there, REPRESENTATIONS) == representations
    assert asked(there, PAIRS) == pairs
    assert asked(there, REPRESENTATIONS, made.first) == early
    assert [row[1] for row in early] == ["a"]

    index_one(there, made.profile, "c", 3)
    again = [f"outcomes/profile_id={made.profile.profile_id}/lora_id={name}.json" for name in "abc"]
    assert commit_index(there, made.profile, again).n_embeddings == 0
    assert [row[1] for row in asked(there, REPRESENTATIONS)] == ["a", "b", "c"]
    assert [row for row in asked(there, REPRESENTATIONS) if row[1] != "c"] == representations
    with connect(there) as con:
        assert run_checks(con) == []
        assert migrate(con) == []
    assert list(made.store.list()) == []


def test_cleaning_up_a_copy_leaves_the_original_whole(original: Lake, tmp_path: Path) -> None:
    with connect(original.settings, read_only=False) as con:  # a file of DuckLake's own, named for deletion
        con.execute("delete from core.embedding_shard where lora_id = 'a'")
        con.execute("delete from core.threshold")
        con.execute("call ducklake_expire_snapshots('carlos', older_than => now())")
    shutil.copytree(original.settings.store, tmp_path / "there" / "store")
    there = copied_catalog(original.settings, tmp_path / "there" / "c.sqlite", str(tmp_path / "there" / "store"))
    before = contents(original.store)
    assert moved(there).missing == ()
    with connect(there, read_only=False) as con:
        gone = con.execute("call ducklake_cleanup_old_files('carlos', cleanup_all => true)").fetchall()
        con.execute("call ducklake_delete_orphaned_files('carlos', cleanup_all => true)")
    assert gone
    assert all("/lake/" in path for (path,) in gone)
    assert contents(original.store) == before
    assert asked(there, REPRESENTATIONS) == asked(original.settings, REPRESENTATIONS)


@pytest.mark.parametrize("read_only", [True, False])
def test_who_opens_a_copy_that_was_not_relocated_is_told_what_to_do(
    original: Lake, tmp_path: Path, read_only: bool
) -> None:
    shutil.copytree(original.settings.store, tmp_path / "there")
    there = original.settings.model_copy(update={"store": str(tmp_path / "there")})
    before = contents(open_store(there.store))
    with pytest.raises(SettingsError, match=r"lies at \S+/store, not at \S+/there: .* carlos relocate"):
        connect(there, read_only=read_only)
    assert contents(open_store(there.store)) == before
    with connect(original.settings):
        pass


def test_the_lake_of_another_store_is_not_taken_for_it(original: Lake, tmp_path: Path) -> None:
    """A catalog with a store that holds none of its objects is a slip in the settings."""
    with connect(settings_of(tmp_path / "other"), read_only=False) as con:
        migrate(con)
    for store in ("other/store", "absent"):
        mixed = original.settings.model_copy(update={"store": str(tmp_path / store)})
        with pytest.raises((SettingsError, PermanentError), match=r"copy the whole store there|not whole at"):
            moved(mixed)
    assert asked(original.settings, "select count(*) from core.representation") == [(2,)]


def test_what_a_store_that_is_older_than_its_catalog_lacks_is_named(
    original: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(original.settings.store, tmp_path / "there")
    there = original.settings.model_copy(update={"store": str(tmp_path / "there")})
    lost = f"shards/profile_id={original.profile.profile_id}/lora_id=b/00001.parquet"
    cut = f"shards/profile_id={original.profile.profile_id}/lora_id=b/00000.parquet"
    whole = open_store(there.store).read(cut)
    open_store(there.store).write(cut, whole[:-9])
    open_store(there.store).delete(lost)
    monkeypatch.setenv("CARLOS_STORE", there.store)
    monkeypatch.setenv("CARLOS_CATALOG", there.catalog)

    load_settings.cache_clear()
    assert main(["relocate"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert lost in said.err and cut in said.err and "--incomplete" in said.err
    assert asked(original.settings, "select count(*) from core.representation") == [(2,)]

    assert main(["relocate", "--incomplete", "--json"]) == 1
    said = capsys.readouterr()
    (done,) = json.loads(said.out)
    assert done["missing"] == [cut, lost]
    assert asked(there, "select count(*) from core.representation") == [(2,)]

    assert main(["relocate"]) == 1, "it looks again"
    assert lost in capsys.readouterr().err
    for key in (cut, lost):
        open_store(there.store).write(key, original.store.read(key))
    assert main(["relocate"]) == 0
    assert "0 of them are missing" in capsys.readouterr().out


def test_a_place_under_another_spelling_is_the_same_place(original: Lake, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(original.settings.store)
    across = tmp_path / "elsewhere" / ".." / "store"
    (tmp_path / "elsewhere").mkdir()
    for spelling in (f"{original.settings.store}/", str(link), str(across)):
        spelled = Settings(store=spelling, catalog=original.settings.catalog)
        assert asked(spelled, "select count(*) from core.representation") == [(2,)]
        again = [f"outcomes/profile_id={original.profile.profile_id}/lora_id={name}.json" for name in "ab"]
        assert commit_index(spelled, original.profile, again).n_embeddings == 0
    spelled = Settings(store=str(link), catalog=original.settings.catalog)
    index_one(spelled, original.profile, "c", 3)
    link.unlink()
    assert asked(original.settings, "select count(*) from core.embedding") == [(60,)]


def test_a_relative_place_is_that_of_the_folder_it_is_read_in(
    original: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = Settings(store="store", catalog="sqlite:catalog.sqlite")
    assert asked(relative, "select count(*) from core.representation") == [(2,)]


def test_a_bucket_under_another_spelling_is_the_same_place(made_once: Lake, s3_uri: str, tmp_path: Path) -> None:
    made = copy_of(made_once, s3_uri, tmp_path / "catalog.sqlite")
    bucket, _, prefix = s3_uri.removeprefix("s3://").partition("/")
    for spelling in (f"{s3_uri}/", f"s3://{bucket}//{prefix}//"):
        spelled = Settings(store=spelling, catalog=made.settings.catalog)
        assert asked(spelled, "select count(*) from core.representation") == [(2,)]
        again = [f"outcomes/profile_id={made.profile.profile_id}/lora_id={name}.json" for name in "ab"]
        assert commit_index(spelled, made.profile, again).n_embeddings == 0


def test_a_folder_left_behind_as_a_link_needs_nothing(original: Lake, tmp_path: Path) -> None:
    """`mv store big-disk/store; ln -s big-disk/store store`."""
    (tmp_path / "disk").mkdir()
    shutil.move(original.settings.store, tmp_path / "disk" / "store")
    Path(original.settings.store).symlink_to(tmp_path / "disk" / "store")
    for store in (original.settings.store, str(tmp_path / "disk" / "store")):
        spelled = Settings(store=store, catalog=original.settings.catalog)
        assert asked(spelled, PAIRS) == asked(original.settings, PAIRS)


def test_names_with_signs_are_places_too(made_once: Lake, tmp_path: Path) -> None:
    made = copy_of(made_once, str(tmp_path / "it's [1] 100%?* ü" / "store"), tmp_path / "c.sqlite")
    index_one(made.settings, made.profile, "d", 4)
    shutil.move(made.settings.store, tmp_path / "50% {a,b} [x] ö")
    there = Settings(store=str(tmp_path / "50% {a,b} [x] ö"), catalog=made.settings.catalog)
    assert moved(there).missing == ()
    assert len(asked(there, PAIRS)) == 60
    index_one(there, made.profile, "c", 3)
    assert len(asked(there, PAIRS)) == 75


def test_a_catalog_that_is_older_than_its_store_is_caught_up_by_the_next_commit(original: Lake, tmp_path: Path) -> None:
    """The catalog of before `c` was measured, and a store with its shards: the same representations come of it."""
    old = copied_catalog(original.settings, tmp_path / "there" / "catalog.sqlite", original.settings.store)
    index_one(original.settings, original.profile, "c", 3)
    expected = asked(original.settings, REPRESENTATIONS)
    known_loras(old, "c")
    key = f"outcomes/profile_id={original.profile.profile_id}/lora_id=c.json"
    assert commit_index(old, original.profile, [key]).n_representations == 1
    assert asked(old, REPRESENTATIONS) == expected
    with connect(old) as con:
        assert run_checks(con) == []


def test_a_catalog_in_postgres_is_dumped_restored_and_relocated(
    postgres: PostgresServer, original: Lake, tmp_path: Path
) -> None:
    """The commands of docs/operations.md: pg_dump and pg_restore, into another database."""
    there = Settings(store=str(tmp_path / "here"), catalog=f"postgres:{postgres.libpq}")
    known_loras(there, "a")
    copy_objects(original.store, open_store(there.store))
    key = f"outcomes/profile_id={original.profile.profile_id}/lora_id=a.json"
    assert commit_index(there, original.profile, [key]).n_representations == 1
    first, representations = (
        asked(there, "select max(snapshot_id) from mart.commit_log")[0][0],
        asked(there, REPRESENTATIONS),
    )

    dump = tmp_path / "catalog.dump"
    dump.write_bytes(postgres.run("pg_dump", "--format=custom", "--dbname=postgres"))
    index_one(there, original.profile, "c", 3)  # after the dump, before the copy of the store
    shutil.move(there.store, tmp_path / "there")
    postgres.run("createdb", "restored")
    postgres.run("pg_restore", "--dbname=restored", given=dump.read_bytes())
    restored = Settings(
        store=str(tmp_path / "there"),
        catalog=f"postgres:{postgres.libpq.replace('dbname=postgres', 'dbname=restored')}",
    )
    with pytest.raises(SettingsError, match="carlos relocate"):
        connect(restored)
    assert moved(restored).missing == ()
    assert asked(restored, REPRESENTATIONS) == representations
    assert asked(restored, REPRESENTATIONS, first) == representations
    with pytest.raises(SettingsError, match="carlos relocate"):
        connect(restored.model_copy(update={"store": there.store}))
    known_loras(restored, "c")
    key = f"outcomes/profile_id={original.profile.profile_id}/lora_id=c.json"
    assert commit_index(restored, original.profile, [key]).n_representations == 1
    with connect(restored) as con:
        assert run_checks(con) == []
