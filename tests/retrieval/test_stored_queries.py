"""Query vectors that searches left in the store become rows of core.query, each once."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from carlos_tasks.commit.index import commit_index
from carlos_tasks.embedding.tokens import TextTooLong
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.lake.register import register_profile
from carlos_tasks.lake.transaction import snapshot_id, transaction
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.profiles.text_space import text_space_id
from carlos_tasks.retrieval.query_parts import query_vector
from carlos_tasks.retrieval.stored_queries import commit_queries, keep_queries
from carlos_tasks.retrieval.text_objects import MAX_QUERY_BYTES, write_query_vector
from carlos_tasks.settings import Settings
from carlos_tasks.store.keys import query_key
from carlos_tasks.store.objects import ObjectStore
from tests.commit.small_index import small_profile
from tests.conftest import Rows

#: Files of sql/commit that are tested here.
TESTED_SQL = {"add_queries"}

SPACE = "0123456789abcdef"


def put(store: ObjectStore, text: str, *vector: float, space: str = SPACE) -> str:
    write_query_vector(store, space, text, np.array(vector, dtype=np.float32))
    return query_key(space, text)


def committed(con: duckdb.DuckDBPyConnection, store: ObjectStore) -> int:
    with transaction(con, "queries", {}):
        return commit_queries(con, store, SPACE)


def test_a_commit_adds_what_is_new_once(lake: duckdb.DuckDBPyConnection, place: ObjectStore, rows: Rows) -> None:
    put(place, "night", 0.5, -0.25)
    put(place, 'it\'s "warm"; drop table', 1, 0)
    put(place, "of another space", 1, 0, space="fedcba9876543210")
    assert committed(lake, place) == 2
    snapshot = snapshot_id(lake)
    assert committed(lake, place) == 0
    assert snapshot_id(lake) == snapshot
    put(place, "striped", 0, 2)
    assert committed(lake, place) == 1
    assert rows("select text_space_id, text, vector from core.query order by text") == [
        (SPACE, 'it\'s "warm"; drop table', [1, 0]),
        (SPACE, "night", [0.5, -0.25]),
        (SPACE, "striped", [0, 2]),
    ]


def test_the_commit_of_an_index_run_takes_them_in(
    settings: Settings, place: ObjectStore, tmp_path: Path, rows: Rows
) -> None:
    profile = small_profile(tmp_path / "prompts")
    put(place, "night", 0.5, -0.25, space=text_space_id(profile))
    commit_index(settings, profile, [])
    assert rows("select text, vector from core.query") == [("night", [0.5, -0.25])]


def test_an_object_s_time_is_when_it_was_encoded(
    lake: duckdb.DuckDBPyConnection, place: ObjectStore, rows: Rows
) -> None:
    key = put(place, "night", 1, 0)
    committed(lake, place)
    assert rows("select encoded_at from core.query") == [(place.info(key).last_modified,)]


def test_spoiled_objects_are_left_out(lake: duckdb.DuckDBPyConnection, place: ObjectStore, rows: Rows) -> None:
    good = put(place, "night", 1, 0)
    place.write(query_key(SPACE, "of another text"), place.read(good))
    place.write(query_key(SPACE, "broken"), place.read(good)[:-5])
    place.write(query_key(SPACE, "empty"), b"")
    place.write(query_key(SPACE, "huge"), bytes(MAX_QUERY_BYTES + 1))
    put(place, "not finite", 1, float("nan"))
    assert committed(lake, place) == 1
    assert rows("select text from core.query") == [("night",)]


def test_a_text_kept_twice_is_one_row(lake: duckdb.DuckDBPyConnection, place: ObjectStore) -> None:
    put(place, "night", 1, 0)
    committed(lake, place)
    put(place, "night", 0, 1)
    assert committed(lake, place) == 0
    assert lake.execute("select vector from core.query").fetchall() == [([1, 0],)]


@pytest.mark.usefixtures("lake")
def test_texts_are_encoded_and_committed_in_one_snapshot(
    settings: Settings, micro: Profile, place: ObjectStore, rows: Rows
) -> None:
    (before,) = rows("select max(snapshot_id) from mart.commit_log")[0]
    kept = keep_queries(settings, [" striped ", "at night", "striped"])
    assert [(row["text"], row["dimension"]) for row in kept] == [("at night", 64), ("striped", 64)]
    assert kept == keep_queries(settings, ["striped", "at night"])
    assert rows("select snapshot_id, message from mart.commit_log order by 1 desc limit 1") == [(before + 1, "queries")]
    found = rows("select vector from core.query where text = 'striped'")[0][0]
    np.testing.assert_array_equal(np.array(found, dtype=np.float32), query_vector(micro, "striped", store=place))


@pytest.mark.usefixtures("lake")
def test_without_texts_the_profile_s_are_listed(
    settings: Settings, micro: Profile, lake: duckdb.DuckDBPyConnection, place: ObjectStore
) -> None:
    assert keep_queries(settings) == []
    put(place, "of another space", 1, 0)
    committed(lake, place)
    keep_queries(settings, ["striped"])
    assert [(row["text"], row["text_space_id"]) for row in keep_queries(settings)] == [
        ("striped", text_space_id(micro))
    ]


@pytest.mark.usefixtures("lake")
@pytest.mark.parametrize(("text", "fault"), [("", CarlosError), ("striped " * 60, TextTooLong), ("a\0b", CarlosError)])
def test_a_text_that_cannot_be_encoded_keeps_all_out(
    settings: Settings, rows: Rows, text: str, fault: type[CarlosError]
) -> None:
    with pytest.raises(fault):
        keep_queries(settings, ["striped", text])
    assert rows("select text from core.query") == []


def test_where_there_is_no_lake_nothing_is_made(settings: Settings) -> None:
    for texts in ([], ["striped"]):
        with pytest.raises(NotFound, match="carlos index"):
            keep_queries(settings, texts)
    assert not Path(settings.store).exists()


def test_a_profile_names_its_text_space(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path, micro: Profile, rows: Rows
) -> None:
    profile = small_profile(tmp_path / "prompts")
    register_profile(lake, profile)
    asked = "select text_space_id from core.profile"
    assert rows(asked) == [(text_space_id(profile),)]
    # As a lake of before the column has it.
    lake.execute("update core.profile set text_space_id = null")
    assert register_profile(lake, profile)
    assert rows(asked) == [(text_space_id(profile),)]
    assert not register_profile(lake, profile)
    # Retrieval prompts may change under one profile_id, and with them what query vectors fit.
    changed = profile.model_copy(update={"retrieval_prompts": micro.retrieval_prompts})
    assert changed.profile_id == profile.profile_id
    assert register_profile(lake, changed)
    assert rows(asked) == [(text_space_id(changed),)]
