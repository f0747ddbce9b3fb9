"""Embeddings as SQL reads them: shards in the store, those that the manifest names and no others."""

from pathlib import Path

import duckdb
import pytest

from tests.sql.lake_rows import Rows, answer, fill

#: Objects that this module tests.
TESTED = {"core.embedding", "core.embedding_of", "core.shard_files", "mart.clip_diff_of"}

ROWS: Rows = {
    "core.embedding": [
        {"lora_id": "base", "embedding": [1.0, 1.0]},
        {"lora_id": "a", "embedding": [4.0, 5.0]},
        {"lora_id": "a", "seed": 1, "embedding": None, "flag": "nan"},
        {"lora_id": "b", "embedding": [1.0, 1.0]},
        {"lora_id": "a", "profile_id": "q", "embedding": [7.0, 7.0]},
    ]
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("core.embedding_of('a', 'p')", [("p", "a", 0, [4.0, 5.0]), ("p", "a", 1, None)]),
        ("core.embedding_of('a')", [("p", "a", 0, [4.0, 5.0]), ("p", "a", 1, None), ("q", "a", 0, [7.0, 7.0])]),
        ("core.embedding_of('*', 'q')", [("q", "a", 0, [7.0, 7.0])]),
        ("core.embedding where lora_id = 'b'", [("p", "b", 0, [1.0, 1.0])]),
    ],
)
def test_embeddings_are_read_by_lora_and_profile(
    con: duckdb.DuckDBPyConnection, source: str, expected: list[object]
) -> None:
    fill(con, ROWS)
    found = con.execute(f"select profile_id, lora_id, seed, embedding from {source} order by all").fetchall()  # noqa: S608
    assert found == expected


def test_a_shard_that_no_commit_took_is_not_read(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, ROWS)
    con.execute("delete from core.embedding_shard where lora_id = 'a' and profile_id = 'p'")
    assert con.execute("from core.embedding_of('a', 'p')").fetchall() == []
    assert con.execute("select count(*) from core.embedding").fetchall() == [(3,)]


def test_differences_of_a_lora_are_those_of_the_view(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, ROWS)
    assert answer(con, "select lora_id, prompt_id, seed, length, difference from mart.clip_diff_of('a')") == [
        {"lora_id": "a", "prompt_id": "p1", "seed": 0, "length": 5.0, "difference": [3.0, 4.0]}
    ]
    assert answer(con, "from mart.clip_diff_of('a')") == answer(con, "from mart.clip_diff where lora_id = 'a'")


def test_of_a_lora_only_its_folder_is_looked_at(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, ROWS)
    ((place,),) = con.execute("select getvariable('carlos_store')").fetchall()
    broken = Path(place) / "shards/profile_id=p/lora_id=broken/00000.parquet"
    broken.parent.mkdir(exist_ok=True)
    broken.write_bytes(b"no parquet")
    try:
        assert len(con.execute("from core.embedding_of('b', 'p')").fetchall()) == 1
    finally:
        broken.unlink()


@pytest.mark.parametrize("lora_id", ["../../files", "a/b", "", "a'b", "a?"])
def test_what_is_no_id_names_no_file(con: duckdb.DuckDBPyConnection, lora_id: str) -> None:
    with pytest.raises(duckdb.Error, match="no ids of a LoRA and a profile"):
        con.execute("from core.embedding_of($1, 'p')", [lora_id])


def test_of_a_lora_without_shards_duckdb_says_that_there_is_no_file(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("from core.embedding where lora_id = 'nobody'").fetchall() == []
    with pytest.raises(duckdb.Error, match="No files found"):
        con.execute("from core.embedding_of('nobody', 'p')")


def test_plain_duckdb_is_told_to_say_where_the_store_lies(shared_lake: duckdb.DuckDBPyConnection) -> None:
    ((place,),) = shared_lake.execute("select getvariable('carlos_store')").fetchall()
    shared_lake.execute("reset variable carlos_store")
    try:
        with pytest.raises(duckdb.Error, match="set variable carlos_store"):
            shared_lake.execute("from core.embedding")
    finally:
        shared_lake.execute("set variable carlos_store = $place", {"place": place})
