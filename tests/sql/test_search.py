"""Table macros of sql/search on rows given and expected."""

import duckdb
import pytest

from tests.sql.lake_rows import Rows, answer, fill

TESTED = {"search_vector", "similar", "backlog"}

INDEX: Rows = {
    "raw.listing": [{"lora_id": "east", "name": "East"}],
    "core.threshold": [{"name": "strength_min", "value": 0.5}],
    "core.representation": [
        {"lora_id": "east", "direction": [2.0, 0.0]},
        {"lora_id": "north", "direction": [0.0, 0.1]},
        {"lora_id": "northeast", "direction": [1.0, 1.0]},
        {"lora_id": "weak", "direction": [1.0, 0.0], "strength": 0.1},
        {"lora_id": "void", "direction": None, "measured": "degenerate"},
        {"lora_id": "twin of north", "direction": [0.0, 3.0]},
        {"profile_id": "q", "lora_id": "east", "direction": [0.0, 1.0]},
        {"profile_id": "q", "lora_id": "zero", "direction": [0.0, 0.0], "strength": 0.0},
        {"profile_id": "wide", "lora_id": "east", "direction": [0.0, 1.0, 0.0]},
    ],
}


def test_search_ranks_by_cosine_and_returns_ok_only(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.search_vector($v::float[], $k, profile := $p)", {"v": [1.0, 0.0], "k": 9, "p": "p"})
    assert [(row["rank"], row["lora_id"]) for row in rows] == [
        (1, "east"),
        (2, "northeast"),
        (3, "north"),
        (4, "twin of north"),
    ]
    assert rows[0]["score"] == pytest.approx(1.0)
    assert rows[1]["score"] == pytest.approx(0.5**0.5)
    assert (rows[0]["name"], rows[0]["n_listings"], rows[0]["status"]) == ("East", 1, "ok")
    assert (rows[1]["name"], rows[1]["n_listings"]) == (None, 0)


def test_search_returns_k(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.search_vector([1, 0], 2, profile := 'p')")
    assert [row["lora_id"] for row in rows] == ["east", "northeast"]


def test_without_a_profile_each_is_ranked_on_its_own(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.search_vector([1, 0], 1)")
    assert [(row["profile_id"], row["rank"], row["lora_id"]) for row in rows] == [("p", 1, "east"), ("q", 1, "east")]


def test_no_direction_at_all_is_not_ranked(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.search_vector([1, 0], 9, profile := 'q')")
    assert [row["lora_id"] for row in rows] == ["east"]
    assert answer(con, "from mart.similar('east', 9, profile := 'q')") == []


def test_search_in_an_empty_index(con: duckdb.DuckDBPyConnection) -> None:
    assert answer(con, "from mart.search_vector([1.0, 0.0], 5)") == []


def test_similar_leaves_itself_out_and_stays_in_the_profile(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    rows = answer(con, "from mart.similar('east', 9, profile := 'p')")
    assert [(row["rank"], row["lora_id"]) for row in rows] == [(1, "northeast"), (2, "north"), (3, "twin of north")]
    assert {row["profile_id"] for row in answer(con, "from mart.similar('north', 9)")} == {"p"}


def test_similar_to_one_that_search_would_not_return(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    assert [row["lora_id"] for row in answer(con, "from mart.similar('weak', 1)")] == ["east"]
    assert answer(con, "from mart.similar('void', 3)") == []
    assert answer(con, "from mart.similar('stranger', 3)") == []


def test_a_name_is_a_value_and_never_sql(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, INDEX)
    assert answer(con, "from mart.similar($id, 3)", {"id": "' or true --"}) == []


def test_backlog_is_what_the_profile_has_not_tried(con: duckdb.DuckDBPyConnection) -> None:
    fill(
        con,
        {
            "core.lora": [
                {"lora_id": "a"},
                {"lora_id": "late", "first_seen_at": "2026-01-03 00:00:00+00", "trigger_words": ["x"]},
                {"lora_id": "zz", "file_key": "files/zz.safetensors"},
                {"lora_id": "imported without its file", "file_key": None},
                {"lora_id": "failed"},
                {"lora_id": "elsewhere", "base_model": "sdxl"},
            ],
            "core.representation": [
                {"lora_id": "a"},
                {"lora_id": "failed", "measured": "failed"},
                {"lora_id": "zz", "profile_id": "q"},
            ],
        },
    )
    assert answer(con, "from mart.backlog('p', 'micro-xl')") == [
        {"lora_id": "zz", "file_key": "files/zz.safetensors", "trigger_words": None},
        {"lora_id": "late", "file_key": "files/x", "trigger_words": ["x"]},
    ]
