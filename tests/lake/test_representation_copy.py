"""The copy that rankings in SQL read: the same answers with it, after whatever happened to it or to the lake."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import carlos_tasks
from carlos_tasks.lake import catalog
from carlos_tasks.lake.gate.admission import Gate
from carlos_tasks.lake.gate.connection import GuardedConnection
from carlos_tasks.lake.representation_copy import attach_copy, detach_copy, renew_copy, void_copy
from carlos_tasks.lake.transaction import snapshot_id
from carlos_tasks.settings import Settings
from carlos_tasks.stack.s3_server import S3Server
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import COPIES
from tests.conftest import BUCKET
from tests.lake.gate.reading_proxy import reading_proxy
from tests.lake.postgres_server import PostgresServer
from tests.lakes import migrated_lake, settings_of
from tests.sql.lake_rows import fill

TESTED_SQL = {"copy_representations", "copy_listings", "copy_row"}
N_FIRST = 30
QUESTIONS = (
    "from mart.search_vector([1.0, 0.2], 5)",
    "from mart.search_vector([1.0, 0.2], 1000)",
    "from mart.search_vector([0.3, -1.0], 3, profile := 'p', strength_min := 0.5)",
    "from mart.similar('l03', 4, profile := 'p')",
)


ADD_REPRESENTATIONS = """
insert into core.representation by name
select
    $profile_id as profile_id,
    format('l{:02d}', n) as lora_id,
    if(n = 7, 'degenerate', 'measured') as measured,
    if(n = 7, null, [n % 9 + $day, n % 5 - 2]) as direction,
    0.25 * (1 + n % 8) as strength,
    0.5 as consistency,
    make_timestamptz(2026, 1, $day, 0, 0, 0) as computed_at
from range($first, $end) as l(n)
"""
ADD_LISTINGS = """
insert into raw.listing by name
select
    's' as source,
    '1' as model_id,
    '1' as version_id,
    $profile_id as file_id,
    'k' as shard_key,
    format('l{:02d}', n) as lora_id,
    format('Name {} of {}', n, $day) as name,
    make_timestamptz(2026, 1, $day, 0, 0, 0) as seen_at,
    seen_at as taken_in_at
from range($first, $end) as l(n)
"""


def add_loras(con: duckdb.DuckDBPyConnection, first: int, end: int, day: int, profile_id: str = "p") -> None:
    """LoRAs in all directions, some with one Direction, some of no effect, one without a Direction; each has a name."""
    for statement in (ADD_REPRESENTATIONS, ADD_LISTINGS):
        con.execute(statement, {"first": first, "end": end, "day": day, "profile_id": profile_id})


def make_lake(settings: Settings) -> None:
    """A lake of two profiles."""
    with catalog.connect(settings, read_only=False) as con:
        catalog.migrate(con)
        add_loras(con, 0, N_FIRST, 1)
        add_loras(con, 0, 5, 1, "q")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake that has a copy."""
    settings = settings_of(tmp_path)
    migrated_lake(settings)
    make_lake(settings)
    assert renew_copy(settings, worth=1)
    return settings


@pytest.fixture
def con(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with catalog.connect(settings, read_only=False) as con:
        yield con


def copy_of(settings: Settings) -> Path:
    """The newest copy in a folder."""
    return max((Path(settings.store) / COPIES).iterdir())


def answers(con: Any) -> list[Any]:
    return [con.execute(question).fetchall() for question in QUESTIONS]


def with_and_without(con: duckdb.DuckDBPyConnection) -> tuple[bool, list[Any], list[Any]]:
    without = answers(con)
    is_used = attach_copy(con)
    with_copy = answers(con)
    detach_copy(con)
    return is_used, without, with_copy


def replace(con: duckdb.DuckDBPyConnection, number: int, day: int) -> None:
    con.execute(f"delete from core.representation where profile_id = 'p' and lora_id = 'l{number:02d}'")  # noqa: S608
    add_loras(con, number, number + 1, day)


def test_the_copy_answers_as_the_lake_does(con: duckdb.DuckDBPyConnection) -> None:
    is_used, without, with_copy = with_and_without(con)
    assert is_used
    assert with_copy == without
    assert len(without[1]) == N_FIRST - 1 + 5
    assert all(row[2].startswith("Name ") for row in without[1])


def test_a_catalog_in_postgresql_names_its_copy(postgres: PostgresServer, tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), catalog=f"postgres:{postgres.libpq}")
    make_lake(settings)
    assert renew_copy(settings, worth=1)
    with catalog.connect(settings) as con:
        is_used, without, with_copy = with_and_without(con)
    assert is_used
    assert with_copy == without


def test_directions_and_names_are_read_from_the_copy(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    """Only the copy is asked for what it holds: one with other Directions and names under the same id would answer."""
    con.execute(f"attach '{copy_of(settings)}' as carlos_copy")
    con.execute("set variable carlos_copy = 'carlos_copy'")
    con.execute("update carlos_copy.core.representation set direction = [-1.0, 0.0] where lora_id <> 'l11'")
    con.execute("update carlos_copy.raw.listing set name = 'From the copy'")
    found = con.execute("select lora_id, name from mart.search_vector([1.0, 0.2], 1, profile := 'p')").fetchall()
    assert found == [("l11", "From the copy")]


def test_what_came_after_the_copy_is_found(con: duckdb.DuckDBPyConnection) -> None:
    add_loras(con, N_FIRST, N_FIRST + 3, 2)
    fill(
        con,
        {"raw.listing": [{"lora_id": "l03", "file_id": "2", "name": "Again", "taken_in_at": "2026-01-02 00:00:00+00"}]},
    )
    is_used, without, with_copy = with_and_without(con)
    assert is_used
    assert with_copy == without
    assert "Again" in {name for row in without[1] for name in row[9]}


def test_decisions_and_damages_hold_at_the_next_question(con: duckdb.DuckDBPyConnection) -> None:
    attach_copy(con)
    question = "select lora_id from mart.search_vector([1.0, 0.2], 1000, profile := 'p')"
    (first,), (second,) = con.execute(question).fetchall()[:2]
    fill(con, {"core.decision": [{"lora_id": first}], "core.damage": [{"lora_id": second, "resolved_at": None}]})
    assert not {(first,), (second,)} & set(con.execute(question).fetchall())
    detach_copy(con)
    is_used, without, with_copy = with_and_without(con)
    assert is_used
    assert with_copy == without


def test_a_replaced_representation_voids_the_copy(
    settings: Settings, con: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    attach_copy(con)
    replace(con, 3, 3)
    void_copy(con)
    now = answers(con)
    detach_copy(con)
    assert now == answers(con)
    assert not attach_copy(con)
    assert not caplog.records  # no copy is what the lake says that it has
    assert renew_copy(settings, worth=1)
    assert attach_copy(con)
    assert now == answers(con)


def test_rows_deleted_by_hand_are_missed(
    settings: Settings, con: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    con.execute("delete from core.representation where lora_id = 'l09'")
    is_used, without, with_copy = with_and_without(con)
    assert not is_used
    assert "another state of the lake" in caplog.text
    assert with_copy == without
    assert renew_copy(settings, worth=1)
    assert attach_copy(con)


def test_a_snapshot_is_answered_as_it_was(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    then, before = snapshot_id(con), answers(con)
    replace(con, 3, 3)
    void_copy(con)
    assert renew_copy(settings, worth=1)
    with catalog.connect(settings, snapshot=then) as old:
        assert attach_copy(old)  # that of then
        assert answers(old) == before
        detach_copy(old)
        old.execute(f"attach '{copy_of(settings)}' as carlos_copy (read_only)")
        old.execute("set variable carlos_copy = 'carlos_copy'")
        assert answers(old) == before


def test_a_copy_is_made_anew_when_a_twentieth_came_after_it(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    made = copy_of(settings)
    add_loras(con, N_FIRST, N_FIRST + 1, 2)
    assert not renew_copy(settings, worth=1)
    add_loras(con, N_FIRST + 1, N_FIRST + 3, 3)
    attach_copy(con)
    assert renew_copy(settings, worth=1)
    assert copy_of(settings) != made
    held = answers(con)  # from a connection that still has the one of before
    detach_copy(con)
    is_used, without, with_copy = with_and_without(con)
    assert is_used
    assert held == with_copy == without


def test_copies_that_are_not_named_are_removed_after_a_day(settings: Settings, con: duckdb.DuckDBPyConnection) -> None:
    first = copy_of(settings)
    void_copy(con)
    assert renew_copy(settings, worth=1)
    second = copy_of(settings)
    assert first.exists()
    two_days_ago = time.time() - 2 * 86_400
    for path in (first, second):
        os.utime(path, (two_days_ago, two_days_ago))
    assert not renew_copy(settings, worth=1)
    assert not first.exists()
    assert second.exists()


def test_small_lakes_have_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_of(tmp_path)
    make_lake(settings)
    assert not renew_copy(settings)
    with catalog.connect(settings) as con:
        assert not attach_copy(con)
    assert not (Path(settings.store) / COPIES).exists()
    assert not caplog.records


def test_a_commit_in_between_leaves_no_copy_in_use(
    settings: Settings, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was copied may have been replaced while it was written and brought to the store."""
    void_copy(con)
    store = open_store(settings.store)

    class Slow(type(store)):  # type: ignore[misc]
        def upload(self, path: Path, key: str) -> None:
            super().upload(path, key)
            replace(con, 3, 3)
            void_copy(con)

    monkeypatch.setattr("carlos_tasks.lake.representation_copy.open_store", lambda uri: Slow(Path(uri)))
    renew_copy(settings, worth=1)
    assert not attach_copy(con)


def _damage(path: Path, cut: int | None) -> None:
    data = bytearray(path.read_bytes())
    # The first blocks of rows lie behind the three headers of 4,096 bytes.
    for at in range(3 * 4096 + 8, len(data), 4096):
        data[at] ^= 0xFF
    path.write_bytes(data[:cut])


@pytest.mark.parametrize("cut", [None, 20_000, 0])
def test_a_damaged_copy_is_said_and_replaced(
    settings: Settings, con: duckdb.DuckDBPyConnection, cut: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    _damage(copy_of(settings), cut)
    is_used, without, with_copy = with_and_without(con)
    assert not is_used
    assert "cannot be read" in caplog.text
    assert with_copy == without
    assert renew_copy(settings, worth=1)
    assert attach_copy(con)


def test_a_lost_copy_is_said_and_replaced(
    settings: Settings, con: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    copy_of(settings).unlink()
    assert not attach_copy(con)
    assert "cannot be read" in caplog.text
    assert renew_copy(settings, worth=1)
    assert attach_copy(con)


def test_damage_that_a_question_meets_is_said_and_answered_without_it(
    settings: Settings, con: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """Blocks of Directions, which nobody reads when the copy is attached."""
    columns = ", ".join(f"{n}::float" for n in range(3000))
    con.execute(f"create or replace temp macro wide(n) as list_transform([{columns}], lambda x: x + n)")
    con.execute(
        "insert into core.representation by name select 'wide' as profile_id, 'w' || range as lora_id, "
        "'measured' as measured, wide(range) as direction, 1.0 as strength, 0.5 as consistency, 1 as n_pairs, "
        "'2026-02-01'::timestamptz as computed_at from range(200)"
    )
    assert renew_copy(settings, worth=1)
    data = bytearray(copy_of(settings).read_bytes())
    for at in range(len(data) // 2, len(data) // 2 + 64):
        data[at] ^= 0xFF
    copy_of(settings).write_bytes(data)
    asked = "select lora_id, score from mart.search_vector(range(3000)::float[], 4, profile := 'wide')"
    expected = con.execute(asked).fetchall()
    with catalog.connect(settings) as other:
        assert attach_copy(other)
        guarded = GuardedConnection(other, Gate(other))
        assert guarded.execute(asked).fetchall() == expected
    assert "damaged" in caplog.text


def test_analysts_get_the_copy_with_their_first_macro(
    settings: Settings, con: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture
) -> None:
    """Behind the gate, where no file outside the lake's folders is opened."""
    caplog.set_level(logging.WARNING)
    with carlos_tasks.connect(settings.model_copy(update={"profile": "micro"})) as lake:
        lake.execute("select 1")
        assert lake.execute("show databases").fetchall() == [("carlos",), ("memory",)]
        assert answers(lake) == answers(con)
        assert lake.execute("select count(*) from core.copy_in_use()").fetchall() == [(1,)]
    assert not caplog.records


@pytest.mark.parametrize("name", ["core.representation union all from core.representation", "core.lora", "main.x --"])
def test_a_copy_is_no_way_around_the_gate(settings: Settings, name: str) -> None:
    with carlos_tasks.connect(settings) as lake, pytest.raises(duckdb.Error, match="and nothing else"):
        lake.execute(f"from core.copied('{name}')")


def test_an_analyst_on_s3_needs_no_right_to_list(
    s3_server: S3Server,
    s3_uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the right to read `copies/` the copy is used; without it the lake answers, and the log says so."""
    settings = Settings(store=s3_uri, catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    make_lake(settings)
    assert renew_copy(settings, worth=1)
    prefix = s3_uri.removeprefix(f"s3://{BUCKET}/")
    told = []
    for parts in (("lake/", "shards/", "copies/"), ("lake/", "shards/")):
        read = [f"{prefix}/{part}" for part in parts]
        with reading_proxy(s3_server.port, BUCKET, read, []) as (endpoint, denied):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            with carlos_tasks.connect(settings) as lake:
                told.append(answers(lake))
                is_used = bool(lake.execute("from core.copy_in_use()").fetchall())
        assert is_used == ("copies/" in parts) == (denied == []) == ("cannot be read" not in caplog.text)
    assert told[0] == told[1]


def test_a_copy_that_is_removed_on_s3_is_let_go_of(
    s3_uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(store=s3_uri, catalog=f"sqlite:{tmp_path / 'catalog.sqlite'}")
    make_lake(settings)
    assert renew_copy(settings, worth=1)
    with carlos_tasks.connect(settings) as lake, catalog.connect(settings) as con:
        assert lake.execute("from core.copy_in_use()").fetchall()
        store = open_store(settings.store)
        for info in list(store.list(COPIES)):
            store.delete(info.key)
        assert answers(lake) == answers(con)
    assert "gone or damaged" in caplog.text
