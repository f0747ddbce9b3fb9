"""Which LoRAs are alike: neighbours, groups, their words, and who stands out."""

from typing import Any

import duckdb
import numpy as np
import pytest

from carlos_tasks.errors import PermanentError
from carlos_tasks.evaluation.corpus.corpus import Corpus
from carlos_tasks.evaluation.corpus.study import Options, Study
from carlos_tasks.evaluation.landscape.clusters import FEWEST, centred, clusters, group, lay_out
from carlos_tasks.evaluation.landscape.landscape import landscape, outstanding
from carlos_tasks.evaluation.landscape.likeness import likeness, nearest
from carlos_tasks.evaluation.landscape.words import describe_groups, words_of
from tests.evaluation.small_world import BROKEN, EFFECTS, ERRATIC, N_EACH, WEAK, lora_id


def a_lora(name: str, nsfw_level: int | None = 1, **fields: Any) -> dict[str, Any]:
    return {"names": [name], "tags": None, "nsfw_level": nsfw_level} | fields


def blobs(n_groups: int, n_each: int, noise: float = 0.1, shared: float = 3.0) -> np.ndarray:
    """Unit vectors in groups, with a large part that all have in common."""
    rng = np.random.default_rng(1)
    centres = np.repeat(rng.normal(size=(n_groups, 32)), n_each, axis=0)
    vectors = centres + shared * np.ones(32) + noise * rng.normal(size=centres.shape)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_the_nearest_neighbour_has_the_same_effect(study: Study) -> None:
    rows = {row["lora_id"]: row for row in nearest(study)}
    assert len(rows) == 12
    for effect in EFFECTS:
        if effect != "striped":  # the weak LoRA does the same as these, so that it may be nearer
            assert rows[lora_id(effect, 0)]["neighbour_id"] == lora_id(effect, 1)
            assert rows[lora_id(effect, 0)]["shares_effect"]
    assert not rows[lora_id(ERRATIC)]["shares_effect"]


def test_the_table_says_how_often_neighbours_agree_of_those_that_can(study: Study) -> None:
    table = likeness(study)[0]
    assert "Of 10 LoRAs whose effect another one has too, " in table.says


def test_neighbours_come_the_most_alike_first_and_are_never_oneself(study: Study) -> None:
    rows = nearest(study)
    assert [row["cosine"] for row in rows] == sorted((row["cosine"] for row in rows), reverse=True)
    assert all(row["lora_id"] != row["neighbour_id"] for row in rows)
    numbers = [study.corpus.lora_ids.index(rows[0][name]) for name in ("lora_id", "neighbour_id")]
    assert rows[0]["cosine"] == pytest.approx(float(study.corpus.units[numbers[0]] @ study.corpus.units[numbers[1]]))


def test_blocks_of_neighbours_agree_with_the_whole(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = nearest(study)
    monkeypatch.setattr("carlos_tasks.evaluation.landscape.likeness._CELLS_AT_ONCE", 60)
    # By LoRA: of two that are each the nearest of the other, the last bit of a cosine says which comes first.
    by_lora = {row["lora_id"]: row["neighbour_id"] for row in whole}
    assert {row["lora_id"]: row["neighbour_id"] for row in nearest(study)} == by_lora


def test_duplicates_and_shared_directions_come_from_the_lakes_views(study: Study) -> None:
    names = [section.name for section in likeness(study)]
    assert names == ["neighbours", "duplicate", "shared_direction"]


def test_a_lake_that_lacks_the_views_is_told(corpus: Corpus) -> None:
    with duckdb.connect() as old, pytest.raises(PermanentError, match="older version: run carlos index"):
        likeness(Study(old, corpus, None, Options(), "cpu"))


def test_groups_are_told_apart_though_all_share_most_of_what_they_do() -> None:
    units = blobs(6, 5)
    assert (units @ units.T).min() > 0.5
    found = group(centred(units))
    assert [sorted(set(found.numbers[start : start + 5])) for start in range(0, 30, 5)] == [[n] for n in range(6)]
    assert found.silhouette > 0.8


def test_what_all_share_is_taken_out() -> None:
    units = blobs(6, 5)
    moved = centred(units)
    assert np.linalg.norm(moved, axis=1) == pytest.approx(np.ones(30))
    assert (moved @ moved.T).min() < 0
    assert centred(np.repeat(units[:1], 3, axis=0)) == pytest.approx(np.zeros((3, 32)), abs=1e-6)


def test_groups_are_numbered_from_the_largest() -> None:
    units = np.concatenate([blobs(3, 2)[:2], blobs(3, 6)[6:12], blobs(3, 4)[8:12]])
    counts = np.bincount(group(centred(units)).numbers)
    assert counts.tolist() == [6, 4, 2]


def test_identical_directions_are_one_group_and_no_error() -> None:
    units = np.repeat(np.eye(4, dtype=np.float32)[:1], 9, axis=0)
    assert set(group(centred(units)).numbers) == {0}


def test_the_map_comes_from_its_seed() -> None:
    units = centred(blobs(3, 5))
    assert np.array_equal(lay_out(units, 1), lay_out(units, 1))
    assert lay_out(units, 1).shape == (15, 2)


def test_clusters_are_the_effects_of_the_small_world(study: Study) -> None:
    table, places = clusters(study)
    assert len(table.rows) == len(EFFECTS)
    assert {row["effects"] for row in table.rows} == {f"{effect} {N_EACH}" for effect in EFFECTS}
    assert "(adjusted Rand index): 1.00" in table.says
    assert len(places.rows) == 10 and {row["cluster"] for row in places.rows} == {1, 2, 3, 4, 5}


def test_a_handful_of_loras_makes_no_clusters(study: Study) -> None:
    few = Study(study.con, study.corpus, None, Options(max_loras=FEWEST), "cpu")
    assert "8 LoRAs are drawn of 10" in clusters(few)[0].says
    without = np.zeros(len(study.corpus.loras), bool)
    empty = Corpus(**{**vars(study.corpus), "has_direction": without})
    assert "it takes 8 LoRAs" in clusters(Study(study.con, empty, None, Options(), "cpu"))[0].left_out


@pytest.mark.parametrize(("level", "lends"), [(1, True), (2, True), (3, True), (4, False), (31, False), (None, False)])
def test_only_what_a_source_rates_as_fit_lends_words(level: int | None, lends: bool) -> None:
    assert bool(words_of(a_lora("Pixel Art", level))) is lends


def test_words_leave_out_the_trades_own_and_numbers() -> None:
    lora = a_lora("Pixel-Art LoRA for SDXL v1.5 (16bit)", tags=["RETRO", "style"])
    assert words_of(lora) == {"pixel", "art", "retro", "bit"}


def test_a_group_is_told_by_words_that_stand_at_two_of_its_loras() -> None:
    names = ["pixel art", "pixel sprite", "oil painting", "painting in oil", "secret name"]
    found = describe_groups([a_lora(name) for name in names], [0, 0, 1, 1, 2])
    assert found == {0: ["pixel"], 1: ["oil", "painting"], 2: []}


def test_who_stands_out_is_named_once_with_every_reason(corpus: Corpus) -> None:
    rows = outstanding(corpus, {lora_id("grid")})
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    why = {row["lora_id"]: row["why"] for row in rows}
    assert len(why) == len(rows)
    assert "weakest" in why[lora_id(WEAK)] and "least consistent" in why[lora_id(ERRATIC)]
    assert "shares its Direction with unrelated LoRAs" in why[lora_id("grid")]
    assert lora_id(BROKEN) not in why


def test_the_landscape_counts_every_status_and_tells_the_thresholds(study: Study) -> None:
    table, _ = landscape(study)
    found = {row["status"]: row["loras"] for row in table.rows}
    assert found == {"ok": 10, "no_effect": 1, "inconsistent": 1, "unpatched": 1}
    assert "consistency_min 0.1 (a test)" in table.says
