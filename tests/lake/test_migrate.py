"""sql/ is applied once, in one snapshot, and again where a file changed."""

from pathlib import Path

import duckdb
import pytest

from carlos_tasks.errors import PermanentError
from carlos_tasks.intake.commit import commit_intake
from carlos_tasks.lake import migrate as migration
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.sql_files import FOLDERS, SqlFile, sql_files, sql_folder
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.intake.small_intake import NOW, listing, write_intake


def test_everything_is_applied_in_one_snapshot(settings: Settings) -> None:
    with connect(settings, read_only=False) as con:
        before = snapshot_id(con)
        assert migrate(con) == [file.path for file in sql_files()]
        assert snapshot_id(con) == before + 1


def test_nothing_changed_makes_no_snapshot(settings: Settings, lake: duckdb.DuckDBPyConnection) -> None:
    before = snapshot_id(lake)
    assert migrate(lake) == []
    assert snapshot_id(lake) == before
    with connect(settings) as reader:
        assert migrate(reader) == []


def test_a_changed_file_and_those_after_it_are_applied_again(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.execute("insert into core.threshold values ('p', 'strength_max', 1.0, 'test')")
    files = sql_files()
    number = next(n for n, file in enumerate(files) if "max(value) filter" in file.text)
    changed = SqlFile(files[number].path, files[number].text.replace("max(value) filter", "min(value) filter"))
    monkeypatch.setattr(migration, "sql_files", lambda: [*files[:number], changed, *files[number + 1 :]])
    assert migrate(lake) == [file.path for file in files[number:]]
    assert migrate(lake) == []
    assert lake.execute("select count(*) from core.threshold").fetchall() == [(1,)]


def test_a_lake_with_rows_takes_every_file_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an upgrade does that changes one of the first files."""
    listed = [listing(source="civitai-dump", lora_id="a", lora={"base_model": "micro-xl", "rank": 4})]
    commit_intake(settings, [write_intake(open_store(settings.store), listed)])
    files = sql_files()
    changed = SqlFile(files[0].path, f"{files[0].text}-- changed\n")
    monkeypatch.setattr(migration, "sql_files", lambda: [changed, *files[1:]])
    with connect(settings, read_only=False) as con:
        assert len(migrate(con)) == len(files)
        assert con.execute("select source, lora_id from raw.listing").fetchall() == [("civitai", "a")]
        assert con.execute("select current_setting('preserve_insertion_order')").fetchall() == [(True,)]


def test_rows_of_before_the_time_of_intake_have_the_time_of_their_shard(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [listing(lora_id="a", lora={"base_model": "micro-xl", "rank": 4})]
    commit_intake(settings, [write_intake(open_store(settings.store), listed)])
    files = sql_files()
    number = next(n for n, file in enumerate(files) if file.path.endswith("_taken_in.sql"))
    changed = SqlFile(files[number].path, f"{files[number].text}-- changed\n")
    monkeypatch.setattr(migration, "sql_files", lambda: [*files[:number], changed, *files[number + 1 :]])
    with connect(settings, read_only=False) as con:
        con.execute("set preserve_insertion_order = false")
        con.execute("update core.lora set taken_in_at = null")
        con.execute("update raw.listing set taken_in_at = null")
        con.execute("update raw.sighting set taken_in_at = null")
        migrate(con)
        taken_in = con.execute(
            "select taken_in_at from core.lora union all select taken_in_at from raw.listing union all "
            "select taken_in_at from raw.sighting"
        )
        assert taken_in.fetchall() == [(NOW,)] * 3


def test_what_the_macros_say_of_themselves_is_kept_once(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "select comment from core.macro_comment where macro = 'core.exact'"
    ((before,),) = lake.execute(question).fetchall()
    assert before.startswith("exact(x): x (double) rounded to a multiple")
    files = sql_files()
    number = next(n for n, file in enumerate(files) if file.path.endswith("_exact.sql"))
    changed = SqlFile(files[number].path, files[number].text.replace("exact(x): x", "exact(x): a number x"))
    monkeypatch.setattr(migration, "sql_files", lambda: [*files[:number], changed, *files[number + 1 :]])
    migrate(lake)
    ((after,),) = lake.execute(question).fetchall()
    assert after == before.replace("exact(x): x", "exact(x): a number x")


def test_a_file_that_fails_leaves_the_old_state(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, files = snapshot_id(lake), sql_files()
    added = [
        SqlFile("views/98_new.sql", "create view mart.new as select 1 as x"),
        SqlFile("views/99_bad.sql", "create view mart.bad as select * from absent"),
    ]
    monkeypatch.setattr(migration, "sql_files", lambda: files + added)
    with pytest.raises(PermanentError, match="absent"):
        migrate(lake)
    assert snapshot_id(lake) == before
    with pytest.raises(duckdb.CatalogException):
        lake.execute("from mart.new")


def test_files_are_in_the_order_in_which_they_depend_on_each_other() -> None:
    folders = [file.path.partition("/")[0] for file in sql_files()]
    assert list(dict.fromkeys(folders)) == list(FOLDERS)
    assert folders == sorted(folders, key=FOLDERS.index)


def test_the_folder_lies_in_the_repository_here() -> None:
    assert sql_folder() == Path(__file__).parents[2] / "sql"
