"""Views of concepts and their scores: rows given, rows expected."""

import duckdb
import pytest

from tests.sql.lake_rows import Row, answer, fill

TESTED = {"concept", "concept_score", "declared_concept", "policy_in_force"}

EARLIER, LATER = "2026-01-01 00:00:00+00", "2026-02-01 00:00:00+00"


def concepts(con: duckdb.DuckDBPyConnection, *rows: Row) -> None:
    fill(con, {"core.concept": list(rows)})


def test_a_concept_is_told_by_its_newest_version(con: duckdb.DuckDBPyConnection) -> None:
    concepts(
        con,
        {"version": "v1", "loaded_at": EARLIER, "severity": 0.1},
        {"version": "v2", "loaded_at": LATER, "severity": 0.4},
        {"policy": "other", "version": "v1", "loaded_at": EARLIER, "severity": 0.9},
    )
    found = answer(con, "select policy, concept_id, version, severity from mart.concept order by policy")
    assert found == [
        {"policy": "other", "concept_id": "striped", "version": "v1", "severity": 0.9},
        {"policy": "rules", "concept_id": "striped", "version": "v2", "severity": 0.4},
    ]


def test_a_concept_that_its_policy_gave_up_is_no_concept_and_may_come_back(con: duckdb.DuckDBPyConnection) -> None:
    concepts(con, {"loaded_at": EARLIER}, {"loaded_at": LATER, "is_active": False})
    assert answer(con, "from mart.concept") == []
    concepts(con, {"loaded_at": "2026-03-01 00:00:00+00"})
    assert [row["version"] for row in answer(con, "from mart.concept")] == ["v1"]


def scores(con: duckdb.DuckDBPyConnection, *columns: str) -> list[Row]:
    found = answer(con, "from mart.concept_score order by profile_id, basis")
    return [{column: row[column] for column in columns} for row in found]


@pytest.fixture
def measured(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """LoRAs of one profile, and one concept that asks for a cosine of 0.3 and a q of 0.1."""
    concepts(con, {"score_min": 0.3, "severity": 0.7})
    loras: list[Row] = [
        {"lora_id": "a"},
        {"lora_id": "failed", "measured": "failed", "direction": None},
        {"lora_id": "known", "direction_cosine_lower": 0.5},
        {"lora_id": "unknown", "direction_cosine_lower": 0.49},
    ]
    fill(con, {"core.representation": loras})
    return con


@pytest.mark.parametrize(
    ("score", "is_shown"),
    [
        ({"score": 0.5, "q": 0.01}, True),
        ({"score": 0.3, "q": 0.1}, True),
        ({"score": 0.29, "q": 0.01}, False),
        ({"score": 0.5, "q": 0.11}, False),
        ({"score": 0.5, "q": 0.01, "lora_id": "failed"}, False),
        ({"score": 0.5, "q": 0.01, "lora_id": "known"}, True),
        ({"score": 0.5, "q": 0.01, "lora_id": "unknown"}, False),
    ],
)
def test_a_concept_is_shown_where_score_and_q_reach_its_limits_and_the_direction_is_known(
    measured: duckdb.DuckDBPyConnection, score: Row, is_shown: bool
) -> None:
    fill(measured, {"core.concept_score": [score]})
    assert scores(measured, "is_shown", "severity") == [{"is_shown": is_shown, "severity": 0.7}]


def test_the_newest_score_of_the_current_version_counts_by_basis(measured: duckdb.DuckDBPyConnection) -> None:
    fill(
        measured,
        {
            "core.concept_score": [
                {"score": 0.1, "scored_at": EARLIER},
                {"score": 0.2, "scored_at": LATER},
                {"score": 0.8, "scored_at": EARLIER, "basis": "images"},
                {"score": 0.9, "scored_at": "2026-03-01 00:00:00+00", "version": "v0"},
            ]
        },
    )
    assert scores(measured, "basis", "score") == [{"basis": "images", "score": 0.8}, {"basis": "texts", "score": 0.2}]


def test_a_profile_is_judged_by_the_policy_it_was_last_scored_with(measured: duckdb.DuckDBPyConnection) -> None:
    concepts(measured, {"policy": "new"})
    fill(measured, {"core.representation": [{"profile_id": "q", "lora_id": "a"}]})
    fill(
        measured,
        {
            "core.concept_score": [
                {"profile_id": "p", "policy": "rules", "scored_at": EARLIER},
                {"profile_id": "p", "policy": "new", "scored_at": LATER},
                {"profile_id": "q", "policy": "rules", "scored_at": EARLIER},
            ]
        },
    )
    assert scores(measured, "profile_id", "policy") == [
        {"profile_id": "p", "policy": "new"},
        {"profile_id": "q", "policy": "rules"},
    ]
    assert answer(measured, "from mart.policy_in_force order by profile_id") == scores(measured, "profile_id", "policy")


def declared(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, list[str]]]:
    found = answer(con, "from mart.declared_concept order by lora_id, concept_id")
    return [(row["lora_id"], row["concept_id"], row["words"]) for row in found]


def test_names_and_tags_declare_by_whole_words_in_either_case_and_descriptions_do_not(
    con: duckdb.DuckDBPyConnection,
) -> None:
    concepts(
        con,
        {"concept_id": "dotted", "declared_as": ["dots", "polka dot"]},
        {"concept_id": "line-art", "declared_as": ["line art"]},
        {"concept_id": "striped", "declared_as": ["stripes"]},
        {"concept_id": "mist", "declared_as": ["дымка"]},
    )
    fill(
        con,
        {
            "raw.listing": [
                {"file_id": "1", "lora_id": "a", "name": "<script>Polka-DOT</script>", "tags": ["<b>dots</b>"]},
                {"file_id": "2", "lora_id": "b", "name": "Pinstripes", "tags": [], "description": "no stripes"},
                {"file_id": "3", "lora_id": "c", "name": None, "tags": ["outline", "art"]},
                {"file_id": "4", "lora_id": "d", "name": "ДЫМКА", "tags": None},
                {"file_id": "5", "lora_id": "e", "name": "Outlined", "tags": ["Line  Art!"]},
            ]
        },
    )
    assert declared(con) == [
        ("a", "dotted", ["dots", "polka dot"]),
        ("d", "mist", ["дымка"]),
        ("e", "line-art", ["line art"]),
    ]


def test_every_listing_of_a_file_declares_and_only_its_newest_state(con: duckdb.DuckDBPyConnection) -> None:
    concepts(con, {"declared_as": ["stripes"]}, {"concept_id": "night", "declared_as": ["night"]})
    fill(
        con,
        {
            "raw.listing": [
                {"file_id": "1", "lora_id": "a", "name": "night", "seen_at": EARLIER},
                {"file_id": "1", "lora_id": "a", "name": "renamed", "seen_at": LATER},
                {"file_id": "2", "lora_id": "a", "name": "stripes", "seen_at": EARLIER},
            ]
        },
    )
    assert declared(con) == [("a", "striped", ["stripes"])]


def test_words_that_no_concept_covers_are_told_apart(con: duckdb.DuckDBPyConnection) -> None:
    concepts(
        con, {"concept_id": "other-effects", "texts": [], "declared_as": ["watercolour"]}, {"declared_as": ["wash"]}
    )
    fill(con, {"raw.listing": [{"lora_id": "a", "name": "Watercolour wash"}]})
    found = answer(con, "select concept_id, is_effect_word from mart.declared_concept order by concept_id")
    assert found == [
        {"concept_id": "other-effects", "is_effect_word": True},
        {"concept_id": "striped", "is_effect_word": False},
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [("Line-Art XL", " line art xl "), ("<b>dots</b>", " b dots b "), ("晨雾", " 晨雾 "), ("…", "  "), ("", "  ")],
)
def test_words_of_a_text(con: duckdb.DuckDBPyConnection, text: str, words: str) -> None:
    assert answer(con, "select core.words($text) as words", {"text": text}) == [{"words": words}]
