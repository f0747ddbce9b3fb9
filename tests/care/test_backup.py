"""A lake is backed up while it is used, and restored elsewhere: nothing is lost, whenever one of the two is killed."""

import json
import shutil
from pathlib import Path

import pytest

from carlos_tasks.care.archive import backup_ids, open_backup
from carlos_tasks.care.backup import backup
from carlos_tasks.care.restore import restore
from carlos_tasks.cli import main
from carlos_tasks.errors import NotFound, PassingError, PermanentError, SettingsError
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.data_files import data_files
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import RESTORING_KEY
from carlos_tasks.verification.run import verify
from tests.care.grown_lake import grow, history, killed, night
from tests.commit.small_index import small_profile
from tests.commit.test_damaged import known_loras
from tests.lake.old_lake import make_old_lake
from tests.lake.postgres_server import postgres_server
from tests.lakes import settings_of

EMBEDDINGS = "from core.embedding order by all"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake of two LoRAs, which no test changes."""
    folder = tmp_path_factory.mktemp("two")
    settings = settings_of(folder)
    grow(settings, small_profile(folder / "prompts"), "ab")
    return settings


@pytest.fixture(scope="module")
def backups(two: Settings, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a backup of it lies."""
    place = str(tmp_path_factory.mktemp("backups"))
    backup(two, place)
    return place


def elsewhere(folder: Path) -> Settings:
    """Where nothing is yet."""
    return settings_of(folder / "elsewhere")


def says_the_same(one: Settings, other: Settings) -> None:
    """Every snapshot has the same rows, the same embeddings are read, and the copy is whole."""
    assert history(other) == history(one)
    with connect(one) as con, connect(other) as copy:
        assert copy.execute(EMBEDDINGS).fetchall() == con.execute(EMBEDDINGS).fetchall() != []
        assert run_checks(copy) == []
        with connect(other, read_only=False) as writer:
            assert migrate(writer) == []
    assert verify(other).damages == ()


def test_a_lake_restored_elsewhere_is_the_same_and_goes_on(grown: Settings, profile: Profile, tmp_path: Path) -> None:
    store = open_store(grown.store)
    store.write("reports/contact-sheet-p.png", b"picture")
    store.write("verification/under-way/x.json", b"{}")
    place, there = str(tmp_path / "backups"), elsewhere(tmp_path)
    shown = backup(grown, place, dry_run=True)
    assert backup_ids(open_store(place)) == [] and shown.backup_id is None
    done = backup(grown, place)
    assert (done.n_copied, done.n_objects, done.faults) == (shown.n_copied, shown.n_objects, ())
    assert restore(there, place, dry_run=True).n_copied == done.n_objects
    assert not Path(there.store).exists() and not Path(there.catalog.removeprefix("sqlite:")).exists()
    assert restore(there, place).n_copied == done.n_objects
    kept = {item.key for item in open_store(there.store).list()}
    assert kept == {item.key for item in store.list() if not item.key.startswith("verification/")}
    says_the_same(grown, there)
    known_loras(there, "e")
    night(there, profile, "e")
    with connect(there) as con, connect(grown) as original:
        assert run_checks(con) == []
        assert con.execute("select count(*) from core.representation").fetchall() == [(5,)]
        assert original.execute("select count(*) from core.representation").fetchall() == [(4,)]


def test_the_next_backup_copies_what_is_new_and_the_one_before_stays(
    settings: Settings, profile: Profile, tmp_path: Path
) -> None:
    grow(settings, profile, "ab")
    place, store = str(tmp_path / "backups"), open_store(settings.store)
    store.write("reports/contact-sheet-p.png", b"older")
    first = backup(settings, place)
    assert backup(settings, place, dry_run=True).n_copied == 0
    known_loras(settings, "c")
    night(settings, profile, "c")
    store.write("reports/contact-sheet-p.png", b"newer and larger")
    second = backup(settings, place)
    assert 0 < second.n_copied < second.n_objects - first.n_objects + 5
    old, new = settings_of(tmp_path / "old"), settings_of(tmp_path / "new")
    assert first.backup_id
    restore(old, place, first.backup_id)
    assert open_store(old.store).read("reports/contact-sheet-p.png") == b"older"
    restore(new, place)
    assert open_store(new.store).read("reports/contact-sheet-p.png") == b"newer and larger"
    says_the_same(settings, new)
    with connect(old) as con:
        assert con.execute("select count(*) from core.representation").fetchall() == [(2,)]


def test_from_sqlite_to_postgres_and_back(settings: Settings, profile: Profile, tmp_path: Path) -> None:
    grow(settings, profile, "ab")
    with postgres_server() as server:
        served = Settings(store=str(tmp_path / "served"), catalog=f"postgres:{server.libpq}")
        backup(settings, str(tmp_path / "one"))
        restore(served, str(tmp_path / "one"))
        says_the_same(settings, served)
        assert b"carlos_ducklake_data_file" in server.run("psql", "-d", "postgres", "-c", r"\di")
        known_loras(served, "c")
        night(served, profile, "c")
        there = elsewhere(tmp_path)
        backup(served, str(tmp_path / "two"))
        restore(there, str(tmp_path / "two"))
        says_the_same(served, there)


@pytest.mark.parametrize(("name", "nth"), [("copy_catalog", 1), ("keep", 7), ("keep_file", 2), ("write_backup", 1)])
def test_a_killed_backup_is_none_and_the_next_goes_on(two: Settings, tmp_path: Path, name: str, nth: int) -> None:
    place = str(tmp_path / "backups")
    killed(two, "carlos_tasks.care.backup", name, nth, "lake", "backup", place)
    with pytest.raises(NotFound, match="no whole backup"):
        restore(elsewhere(tmp_path), place)
    done = backup(two, place)
    assert (done.n_copied == 0) == (name in ("keep_file", "write_backup"))
    restore(elsewhere(tmp_path), place)
    says_the_same(two, elsewhere(tmp_path))


@pytest.mark.parametrize(
    ("name", "nth"),
    [("write_sealed", 1), ("give_back", 7), ("connect", 1), ("put_catalog", 1), ("relocate", 1), ("add_indexes", 1)],
)
def test_a_killed_restore_goes_on(two: Settings, backups: str, tmp_path: Path, name: str, nth: int) -> None:
    there = elsewhere(tmp_path)
    killed(there, "carlos_tasks.care.restore", name, nth, "lake", "restore", backups)
    restore(there, backups)
    assert not open_store(there.store).exists(RESTORING_KEY)
    says_the_same(two, there)


def test_nothing_is_restored_over_what_is_there(two: Settings, backups: str, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"is not empty, .* lies there: restore to an empty place"):
        restore(two, backups)
    with pytest.raises(PermanentError, match="the catalog has a lake already"):
        restore(Settings(store=str(tmp_path / "new"), catalog=two.catalog), backups)
    there = elsewhere(tmp_path)
    open_store(there.store).write(RESTORING_KEY, b'{"backup_id": "another"}')
    with pytest.raises(PermanentError, match="go on with --backup another"):
        restore(there, backups)
    with pytest.raises(NotFound, match="there is no backup 1 at"):
        restore(elsewhere(tmp_path / "x"), backups, "1")


def test_a_place_within_the_store_is_refused(two: Settings) -> None:
    for place in (two.store, f"{two.store}/backups", str(Path(two.store).parent)):
        with pytest.raises(SettingsError, match="name one that lies outside"):
            backup(two, place)


def test_what_the_lake_lacks_is_told_and_the_rest_is_backed_up(
    settings: Settings,
    profile: Profile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    grow(settings, profile, "ab")
    store, place, there = open_store(settings.store), str(tmp_path / "backups"), elsewhere(tmp_path)
    with connect(settings) as con:
        ((damaged,), (lost,)) = con.execute("select key from core.embedding_shard order by key limit 2").fetchall()
        (gone,) = [file.key for file in data_files(con) if file.table == "core.compared"][-1:]
    data = store.read(damaged)
    store.write(damaged, data[:-1] + bytes([data[-1] ^ 1]))
    store.delete(lost)
    store.delete(gone)
    monkeypatch.setenv("CARLOS_STORE", settings.store)
    monkeypatch.setenv("CARLOS_CATALOG", settings.catalog)
    assert main(["lake", "backup", place]) == 1
    said = capsys.readouterr()
    assert "backup 2" in said.out
    assert "3 objects: the backup lacks them, or has them as they are: " in said.err
    assert set(open_backup(open_store(place)).faults) == {damaged, lost, gone}
    assert set(restore(there, place).backup.faults) == {damaged, lost, gone}
    assert {row["key"] for row in verify(there).damages} >= {damaged, lost, gone}


def test_a_damaged_object_of_a_backup_is_left_out_and_a_damaged_catalog_ends_it(two: Settings, tmp_path: Path) -> None:
    place = open_store(str(tmp_path / "backups"))
    backup(two, place.uri)
    with connect(two) as con:
        ((key,),) = con.execute("select key from core.embedding_shard order by key limit 1").fetchall()
    (path,) = [item.key for item in place.list(f"objects/{key}/")]
    place.write(path, place.read(path)[:-1])
    there = elsewhere(tmp_path)
    assert restore(there, place.uri).damaged == (key,)
    with connect(there) as con:
        assert con.execute("select count(*) from core.representation").fetchall() == [(2,)]
    chosen = open_backup(place)
    place.write(chosen.catalog.path, bytes(chosen.catalog.size_bytes))
    with pytest.raises(PermanentError, match=r"is damaged: .*catalog\.duckdb has not the bytes"):
        restore(elsewhere(tmp_path / "x"), place.uri)
    place.write(f"backups/{chosen.backup_id}/backup.json", b"{")
    with pytest.raises(PermanentError, match="is broken"):
        restore(elsewhere(tmp_path / "x"), place.uri)


def test_a_backup_of_a_later_version_says_what_made_it(two: Settings, tmp_path: Path) -> None:
    place = open_store(str(tmp_path / "backups"))
    key = f"backups/{backup(two, place.uri).backup_id}/backup.json"
    told = json.loads(place.read(key))
    del told["seal"]
    place.write(key, json.dumps(told | {"format": 2}).encode())
    with pytest.raises(PermanentError, match=r"has the format 2: its versions were .*'duckdb': '1"):
        restore(elsewhere(tmp_path), place.uri)


def test_what_clean_removes_meanwhile_is_told(
    settings: Settings, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a backup of which the lake's own files took a day meets it."""
    from carlos_tasks.care import backup as module

    grow(settings, profile, "a")

    def removed_meanwhile(place: object) -> dict[str, str]:
        shutil.rmtree(Path(settings.store) / "lake" / "core" / "compared")
        return {}

    monkeypatch.setattr(module, "kept_objects", removed_meanwhile)
    with pytest.raises(PassingError, match="was removed while it was backed up: run it again"):
        backup(settings, str(tmp_path / "backups"))


def test_a_lake_of_an_older_version_is_backed_up_before_it_is_updated(settings: Settings, tmp_path: Path) -> None:
    profile = small_profile(tmp_path / "prompts")
    make_old_lake(settings, profile)
    place, there = str(tmp_path / "backups"), elsewhere(tmp_path)
    assert backup(settings, place).faults == ()
    restore(there, place)
    for lake in (settings, there):
        with connect(lake, read_only=False) as con:
            migrate(con)
    with connect(settings) as con, connect(there) as copy:
        assert copy.execute(EMBEDDINGS).fetchall() == con.execute(EMBEDDINGS).fetchall() != []
        assert run_checks(copy) == []
