"""Every check of sql/checks: one lake that is sound, and for each check rows that it must find."""

import duckdb
import pytest

from carlos_tasks.lake.checks import check_names, run_check, run_checks
from tests.sql.lake_rows import Rows, fill

SOUND: Rows = {
    "core.decision": [{}],
    "raw.listing": [{"lora_id": "a"}, {"file_id": "2", "lora_id": None}],
    "raw.rejection": [{"file_id": "2"}],
    "raw.shard": [{}],
    "raw.sighting": [{}, {"file_id": "2"}, {"shard_key": "k2"}],
    "core.lora": [{"lora_id": "a"}, {"lora_id": "broken"}],
    "core.profile": [{}],
    "core.embedding": [
        {"lora_id": "base"},
        {"lora_id": "base", "seed": 1},
        {"embedding": [3.0, 4.0]},
        {"embedding": None, "seed": 1, "flag": "nan"},
    ],
    "core.representation": [
        {"n_pairs": 1, "n_flagged": 1},
        {"lora_id": "broken", "measured": "failed", "direction": None, "strength": None, "consistency": None},
    ],
    "core.prompt_difference": [{}],
    "core.submission": [{}],
    "core.compared": [{}],
    "core.alike": [{}],
    "core.weight_sketch": [{}],
    "core.alike_weights": [{}],
    "core.lora_scale": [{}],
}

#: check -> rows that spoil the sound lake
SPOILT: dict[str, Rows] = {
    "duplicate_decision": {"core.decision": [{}]},
    "decision_refers_to_nothing": {
        "core.decision": [{"decision_id": "d2", "action": "appeal", "refers_to": "d0"}],
    },
    "decision_without_lora": {"core.notice": [{"lora_id": "stranger"}]},
    "orphan_embedding": {"core.embedding": [{"lora_id": "stranger", "prompt_id": "p1"}]},
    "pair_without_baseline": {"core.embedding": [{"prompt_id": "p9"}]},
    "duplicate_embedding_shard": {"core.embedding_shard": [{}, {}]},
    "mixed_dimension": {"core.representation": [{"lora_id": "b", "direction": [1.0, 2.0, 3.0]}]},
    "representation_without_embedding": {"core.representation": [{"lora_id": "b"}]},
    "embedding_without_representation": {"core.embedding": [{"lora_id": "broken"}]},
    "duplicate_representation": {"core.representation": [{}]},
    "duplicate_submission": {"core.submission": [{}]},
    "representation_not_finite": {"core.representation": [{"lora_id": "b", "direction": [1.0, float("nan")]}]},
    "pair_count": {"core.representation": [{"lora_id": "b", "n_pairs": 1, "n_flagged": 0}]},
    "listing_without_lora": {"raw.listing": [{"file_id": "3", "lora_id": "stranger"}]},
    "duplicate_alike_weights": {"core.alike_weights": [{}]},
    "duplicate_weight_sketch": {"core.weight_sketch": [{}]},
    "duplicate_lora_scale": {"core.lora_scale": [{}]},
    "duplicate_lora": {"core.lora": [{"lora_id": "a"}]},
    "shard_count": {"raw.shard": [{"n_records": 4}]},
    "duplicate_sighting": {"raw.sighting": [{}]},
    "prompt_difference_missing": {"core.prompt_difference": [{"prompt_id": "p2"}]},
    "representation_not_compared": {"core.representation": [{"lora_id": "b"}]},
    "alike_out_of_order": {"core.alike": [{"other_id": "0"}]},
}


def test_a_sound_lake_passes(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, SOUND)
    assert run_checks(con) == []


def test_an_empty_lake_passes(con: duckdb.DuckDBPyConnection) -> None:
    assert run_checks(con) == []


@pytest.mark.parametrize("name", check_names())
def test_check_finds_its_fault(con: duckdb.DuckDBPyConnection, name: str) -> None:
    fill(con, SOUND)
    fill(con, SPOILT[name])
    failure = run_check(con, name)
    assert failure is not None
    assert (failure.check, failure.n_rows) == (name, len(failure.rows))
    assert failure.meaning.endswith(".")
    assert name in {found.check for found in run_checks(con)}


@pytest.mark.parametrize(
    "row",
    [
        {"direction": None},
        {"strength": None},
        {"strength": float("inf")},
        {"consistency": float("nan")},
        {"strength_se": float("nan")},
        {"prompt_retention": float("inf")},
    ],
)
def test_every_number_of_a_representation_is_looked_at(con: duckdb.DuckDBPyConnection, row: dict[str, float]) -> None:
    fill(con, {"core.representation": [row]})
    assert run_check(con, "representation_not_finite")


def test_a_failure_shows_the_first_rows_and_counts_all(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, {"core.lora": [{"lora_id": f"l{number // 2:02d}"} for number in range(60)]})
    failure = run_check(con, "duplicate_lora")
    assert failure is not None
    assert (failure.n_rows, len(failure.rows)) == (30, 20)
    assert failure.rows[0] == {"lora_id": "l00", "n_rows": 2}


def test_what_stands_twice_is_named_by_its_key(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, {"core.representation": [{}, {"strength": 2.0}, {"profile_id": "q"}]})
    failure = run_check(con, "duplicate_representation")
    assert failure is not None
    assert failure.rows == [{"profile_id": "p", "lora_id": "a", "n_rows": 2}]
    assert failure.meaning == "Rows of core.representation that stand twice; its key: profile_id, lora_id."


def test_a_measured_lora_without_its_prompts_is_found(con: duckdb.DuckDBPyConnection) -> None:
    fill(con, {"core.profile": [{}, {"profile_id": "q", "origin": "imported"}]})
    fill(con, {"core.representation": [{}, {"profile_id": "q"}, {"lora_id": "b", "measured": "unpatched"}]})
    failure = run_check(con, "prompt_difference_missing")
    assert failure is not None
    assert failure.rows == [{"profile_id": "p", "lora_id": "a", "n_found": None, "n_expected": 1}]


@pytest.mark.parametrize("spoilt", [{}, {"cosine": 0.5}, {"other_id": "a"}, {"cosine": 1.5}])
def test_a_pair_of_alike_loras_is_looked_at(con: duckdb.DuckDBPyConnection, spoilt: dict[str, object]) -> None:
    fill(con, {"core.alike": [{}]})
    assert run_check(con, "alike_out_of_order") is None
    fill(con, {"core.alike": [spoilt]})
    assert run_check(con, "alike_out_of_order")
