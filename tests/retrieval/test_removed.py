"""What a decision keeps from search, at the very next question, in memory and in SQL."""

import duckdb
import pytest

from carlos_tasks.errors import CarlosError
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.filters import RANKED_STATUSES, Filters
from carlos_tasks.retrieval.search import show
from carlos_tasks.retrieval.searcher import Searcher
from carlos_tasks.settings import Settings
from tests.retrieval.directions_in_lake import asked, put
from tests.sql.lake_rows import Row, fill

EAST = (1.0, 0.0)
LORAS = {"east": EAST, "near east": (1.0, 0.1), "north": (0.0, 1.0)}


def step(decision_id: str, action: str, on: int, lora_id: str = "east", **fields: str) -> Row:
    return {"decision_id": decision_id, "action": action, "lora_id": lora_id, "decided_at": f"2026-01-0{on}"} | fields


@pytest.fixture
def index(lake: duckdb.DuckDBPyConnection, micro: Profile) -> duckdb.DuckDBPyConnection:
    """Three LoRAs that search returns."""
    put(lake, micro.profile_id, LORAS)
    return lake


def ids(searcher: Searcher, micro: Profile, filters: Filters | None = None) -> list[str]:
    hits = searcher.search(asked(micro.profile_id, EAST), 9, filters or Filters(), n_bootstrap=0)
    return [hit["lora_id"] for hit in hits]


def test_a_takedown_hides_at_the_next_question_and_an_overturn_shows_again(
    index: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile
) -> None:
    with Searcher(settings) as searcher:
        everything = ["east", "near east", "north"]
        assert ids(searcher, micro) == everything
        for steps, found in (
            ([step("d1", "takedown", 1)], ["near east", "north"]),
            ([step("d2", "appeal", 2, refers_to="d1")], ["near east", "north"]),
            ([step("d3", "uphold", 3, refers_to="d2")], ["near east", "north"]),
            ([step("d4", "appeal", 4, refers_to="d1")], ["near east", "north"]),
            ([step("d5", "overturn", 5, refers_to="d4")], everything),
            ([step("d6", "label", 6), step("d7", "no_action", 6), step("d8", "comment", 6)], everything),
        ):
            fill(index, {"core.decision": steps})
            assert ids(searcher, micro) == found
            in_sql = index.execute("select lora_id from mart.search_vector([1, 0], 9) order by rank").fetchall()
            assert [lora_id for (lora_id,) in in_sql] == found


def test_a_restricted_lora_is_found_by_who_asks_for_restricted_ones(
    index: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile
) -> None:
    fill(index, {"core.decision": [step("d1", "restrict", 1), step("d2", "takedown", 1, "near east")]})
    with Searcher(settings) as searcher:
        assert ids(searcher, micro) == ["north"]
        assert ids(searcher, micro, Filters(status=("restricted",))) == ["east"]
        assert ids(searcher, micro, Filters(status=RANKED_STATUSES)) == ["east", "north"]


def test_no_threshold_of_a_question_brings_them_back(
    index: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile
) -> None:
    fill(index, {"core.decision": [step("d1", "restrict", 1), step("d2", "takedown", 1, "near east")]})
    with Searcher(settings) as searcher:
        assert ids(searcher, micro, Filters(strength_max=99.0)) == ["north"]
        assert ids(searcher, micro, Filters(strength_max=99.0, status=("restricted",))) == ["east"]
    found = index.execute("select lora_id from mart.search_vector([1, 0], 9, strength_max := 99)").fetchall()
    assert found == [("north",)]


def test_nothing_is_similar_to_what_was_taken_down(index: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    fill(index, {"core.decision": [step("d1", "takedown", 1), step("d2", "restrict", 1, "north")]})
    from carlos_tasks.retrieval.search import similar

    with pytest.raises(CarlosError, match="LoRA east was taken down: search does not answer with it"):
        similar(settings, "east")
    with pytest.raises(duckdb.Error, match="LoRA 'east' was taken down \\(decision d1\\)"):
        index.execute("from mart.similar('east', 3)").fetchall()
    assert [hit["lora_id"] for hit in similar(settings, "north", n_bootstrap=0)] == ["near east"]
    assert index.execute("select lora_id from mart.similar('north', 3)").fetchall() == [("near east",)]


def test_what_is_known_of_it_is_kept(index: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    fill(index, {"core.decision": [step("d1", "takedown", 1)]})
    found = show(settings, "east")
    assert (found["lora_id"], found["status"], found["strength"]) == ("east", "removed", 5.0)
    assert index.execute("select effect_status from mart.representation_status where lora_id = 'east'").fetchall() == [
        ("ok",)
    ]


def test_who_asks_for_removed_ones_is_told_where_they_are() -> None:
    with pytest.raises(CarlosError, match="were taken down, and no search returns them"):
        Filters(status=("removed",))
