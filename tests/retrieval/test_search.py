"""Search in words over a real lake: from a text, or a LoRA, to hits; LoRAs without a Direction disturb nobody."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from carlos_tasks.commit.index import commit_index
from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.filters import Filters
from carlos_tasks.retrieval.query_parts import query_vector
from carlos_tasks.retrieval.question import Question
from carlos_tasks.retrieval.search import Searcher, search, show, similar
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE
from tests.commit import small_index
from tests.retrieval.directions_in_lake import put


@pytest.fixture
def index(lake: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile) -> Settings:
    """Settings of a lake with five LoRAs, two of them without a Direction."""
    stripes = query_vector(micro, "a striped picture")
    other = np.roll(stripes, 7)
    put(lake, micro.profile_id, {"a1": other, "a2": None, "b1": stripes * 3, "c1": None, "b2": stripes + other})
    return settings


def test_the_nearest_comes_first_whatever_lies_beside_it(index: Settings) -> None:
    hits = search(index, "a striped picture", 9)
    assert [hit["lora_id"] for hit in hits] == ["b1", "b2", "a1"]
    assert hits[0]["score"] == pytest.approx(1.0)
    assert [part["asked"] for part in hits[0]["parts"]] == ["a striped picture"]


def test_several_texts_and_what_is_not_wanted(index: Settings) -> None:
    with Searcher(index) as searcher:
        night = searcher.search("night", k=9, n_bootstrap=0)
        both = searcher.search(Question(texts=("a striped picture^2", "night"), not_texts=("night^0.1",)), k=9)
    weights = [[part["weight"] for part in hit["parts"]] for hit in both]
    assert weights == [[2.0, 1.0, -0.1]] * 3
    assert both[0]["lora_id"] == "b1"
    assert {hit["lora_id"]: hit["parts"][1]["cosine"] for hit in both} == pytest.approx(
        {hit["lora_id"]: hit["score"] for hit in night}
    )


def test_similar_takes_the_first_digits_of_an_id_and_leaves_it_out(index: Settings) -> None:
    assert [hit["lora_id"] for hit in similar(index, "B1", 1)] == ["b2"]
    assert [hit["lora_id"] for hit in similar(index, "b1", k=9)] == ["b2", "a1"]


def test_a_lora_without_a_direction_has_nothing_similar(index: Settings) -> None:
    with pytest.raises(CarlosError, match=r"no Direction \(status degenerate\)"):
        similar(index, "c1")


@pytest.mark.parametrize(("lora_id", "message"), [("f", "no LoRA 'f'"), ("", "no LoRA ''"), ("a", "more than one")])
def test_an_id_must_name_one_lora(index: Settings, lora_id: str, message: str) -> None:
    with pytest.raises(NotFound, match=message):
        show(index, lora_id)


def test_k_is_told_before_anything_is_encoded(index: Settings) -> None:
    with pytest.raises(CarlosError, match="at least one"):
        search(index, "striped" * 1000, k=0)


def test_where_there_is_no_lake_nobody_waits_for_the_encoder(settings: Settings) -> None:
    with pytest.raises(NotFound, match="no catalog"):
        search(settings, "striped" * 1000)


def test_filters_reach_the_search(index: Settings) -> None:
    assert search(index, "striped", filters=Filters(strength_max=4.0)) == []


def test_a_measured_index_tells_how_sure_its_hits_are(settings: Settings, tmp_path: Path) -> None:
    """The whole way: shards, commit, search by what another LoRA does."""
    profile = small_index.small_profile(tmp_path / "profile")
    path = tmp_path / "profile.json"
    path.write_text(profile.model_dump_json())
    settings = settings.model_copy(update={"profile": str(path)})
    store = open_store(settings.store)
    bare = small_index.baseline(profile)
    small_index.write_shards(store, profile, BASELINE, bare)
    moved = {f"lora-{n}": small_index.with_effect(bare, n) for n in range(6)} | {
        "lora-0-again": small_index.with_effect(bare, 0, size=0.6)
    }
    commit_index(settings, profile, [small_index.embedded(store, profile, i, x) for i, x in moved.items()])
    hits = similar(settings, "lora-0-again", k=3)
    assert hits[0]["lora_id"] == "lora-0"
    assert hits[0]["stays_in_top_k"] == 1.0
    assert 0 < hits[0]["score_se"] < 0.1
    assert all(0 <= hit["stays_in_top_k"] <= 1 for hit in hits)
    assert hits == similar(settings, "lora-0-again", k=3)
    without = similar(settings, "lora-0-again", k=3, n_bootstrap=0)
    assert [(hit["score_se"], hit["stays_in_top_k"]) for hit in without] == [(None, None)] * 3
