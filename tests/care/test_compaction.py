"""Small files are merged, and nothing else changes: rows, snapshots, what is verified, and what lies in the store."""

from contextlib import AbstractContextManager
from datetime import timedelta

import duckdb
import pytest

from carlos_tasks.aliases import Row
from carlos_tasks.care import compaction
from carlos_tasks.care.clean_up import clean_up
from carlos_tasks.care.compaction import compact
from carlos_tasks.commit.index import commit_index
from carlos_tasks.commit.prompt_difference import forget_prompt_differences
from carlos_tasks.lake.catalog import connect, migrate
from carlos_tasks.lake.checks import run_checks
from carlos_tasks.lake.data_files import data_files
from carlos_tasks.lake.row_groups import keep_row_groups_small
from carlos_tasks.lake.statements import rows
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.verification.run import verify
from tests.care.grown_lake import TABLES, files_of, history
from tests.commit.small_index import baseline, embedded, with_effect
from tests.commit.test_damaged import BACKLOG, known_loras, measure
from tests.lake.old_lake import make_old_lake
from tests.lakes import migrated_lake
from tests.sql.lake_rows import fill

#: Files of sql/commit that are tested here.
TESTED_SQL = {"keep_shards"}


def test_small_files_become_one_and_every_snapshot_says_what_it_said(grown: Settings) -> None:
    before, snapshots = files_of(grown), history(grown)
    assert min(before.values()) >= 4
    shown = compact(grown, 3, dry_run=True)
    assert {table.table for table in shown} >= set(TABLES)
    assert (files_of(grown), history(grown)) == (before, snapshots)
    assert compact(grown, 3) == shown
    assert set(files_of(grown).values()) == {1}
    assert compact(grown, 3) == []
    assert clean_up(grown) == []  # a reader may be at them
    shards = {item.key for item in open_store(grown.store).list("shards/")}
    unneeded = clean_up(grown, timedelta(0), dry_run=True)
    assert len(unneeded) >= 4 * len(TABLES) and history(grown).items() >= snapshots.items()
    assert clean_up(grown, timedelta(0)) == unneeded
    assert {item.key for item in open_store(grown.store).list("shards/")} == shards
    after = history(grown)
    assert {key: after[key] for key in snapshots} == snapshots
    with connect(grown) as con:
        assert run_checks(con) == []
    assert verify(grown).damages == ()


def test_listings_with_bounded_row_groups_are_merged_too(settings: Settings) -> None:
    migrated_lake(settings)
    with connect(settings, read_only=False) as con:
        con.execute("set preserve_insertion_order = false")
        keep_row_groups_small(con, "raw.listing", parquet_row_group_size="2048", parquet_row_group_size_bytes="8MB")
        for number in range(3):
            fill(con, {"raw.listing": [{"file_id": str(number)}]})
    assert "raw.listing" in {table.table for table in compact(settings, 3)}
    with connect(settings) as con:
        assert con.execute("select file_id from raw.listing order by 1").fetchall() == [("0",), ("1",), ("2",)]
        assert len([f for f in data_files(con) if f.is_current and f.table == "raw.listing"]) == 1


def test_the_next_night_goes_on(grown: Settings, profile: Profile) -> None:
    compact(grown, 3)
    known_loras(grown, "e")
    key = embedded(open_store(grown.store), profile, "e", with_effect(baseline(profile), 9))
    assert commit_index(grown, profile, [key]).statuses == {"measured": 1}
    with connect(grown) as con:
        assert con.execute("select count(distinct lora_id) from core.prompt_difference").fetchall() == [(5,)]
        assert run_checks(con) == []


def test_what_was_merged_before_an_end_stays_merged(grown: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def ended(con: duckdb.DuckDBPyConnection, message: str, facts: Row) -> AbstractContextManager[None]:
        done.append(facts["table"])
        if len(done) == 3:
            raise KeyboardInterrupt
        return transaction(con, message, facts)

    snapshots = history(grown)
    monkeypatch.setattr(compaction, "transaction", ended)
    with pytest.raises(KeyboardInterrupt):
        compact(grown, 3)
    monkeypatch.setattr(compaction, "transaction", transaction)
    again = {table.table for table in compact(grown, 3)}
    assert again.isdisjoint(done[:2]) and done[2] in again
    assert set(files_of(grown).values()) == {1}
    after = history(grown)
    assert {key: after[key] for key in snapshots} == snapshots


def test_files_with_deleted_rows_are_merged_too(grown: Settings, profile: Profile) -> None:
    with connect(grown, read_only=False) as con, transaction(con, "forget", {}):
        forget_prompt_differences(con, profile.profile_id, ["b", "c"])
    snapshots = history(grown)
    assert "core.prompt_difference" in {table.table for table in compact(grown, 2)}
    assert files_of(grown)["core.prompt_difference"] == 1
    assert compact(grown, 2) == []
    after = history(grown)
    assert {key: after[key] for key in snapshots} == snapshots
    known_loras(grown, "e")
    commit_index(grown, profile, [embedded(open_store(grown.store), profile, "e", with_effect(baseline(profile), 9))])
    with connect(grown) as con:
        assert run_checks(con) == []
        (file, *_) = [f for f in data_files(con) if f.is_current and f.table == "core.prompt_difference"]
    open_store(grown.store).write(file.key, bytes(file.size_bytes))
    assert {row["lora_id"] for row in verify(grown).damages if row["key"] == file.key} == set("abcd")


def test_a_merged_file_that_is_damaged_costs_the_loras_that_are_in_it(grown: Settings, profile: Profile) -> None:
    compact(grown, 3)
    store = open_store(grown.store)
    with connect(grown) as con:
        (file,) = [f for f in data_files(con) if f.is_current and f.table == "core.representation"]
    assert file.begin < file.last
    store.write(file.key, bytes(file.size_bytes))
    found = {row["lora_id"] for row in verify(grown).damages if row["key"] == file.key}
    assert found == set("abcd")
    with connect(grown) as con:
        waiting = [lora_id for (lora_id,) in con.execute(BACKLOG).fetchall()]
    assert sorted(waiting) == list("abcd")
    commit_index(grown, profile, measure(store, profile, *waiting))
    with connect(grown) as con:
        assert [row["lora_id"] for row in rows(con, "from core.representation order by lora_id")] == list("abcd")
        assert run_checks(con) == []


def test_shards_that_an_older_version_registered_are_never_deleted(settings: Settings, profile: Profile) -> None:
    make_old_lake(settings, profile)
    store = open_store(settings.store)
    with connect(settings, read_only=False) as con:
        migrate(con)
        shards = {item.key for item in store.list("shards/")}
        con.execute("call ducklake_expire_snapshots('carlos', older_than => now())")
        scheduled = "select count(*) from __ducklake_metadata_carlos.ducklake_files_scheduled_for_deletion"
        ((n_files,),) = con.execute(f"{scheduled} where contains(path, '/shards/')").fetchall()
        assert n_files == 9
        embeddings = con.execute("from core.embedding order by all").fetchall()
    unneeded = clean_up(settings, timedelta(0), dry_run=True)
    assert clean_up(settings, timedelta(0)) == unneeded
    assert {item.key for item in store.list("shards/")} == shards
    with connect(settings) as con:
        assert con.execute("from core.embedding order by all").fetchall() == embeddings
