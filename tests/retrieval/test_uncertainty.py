"""Errors and stability are those of the definitions, computed the long way."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles
from carlos_tasks.commit.index import commit_index
from carlos_tasks.lake.catalog import connect
from carlos_tasks.retrieval.query import Query
from carlos_tasks.retrieval.uncertainty import PromptSums, read_prompt_sums, score_se, shares_in_top
from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from carlos_tasks.store.keys import BASELINE
from tests.commit import small_index
from tests.retrieval.directions_in_lake import asked

D = 6


def lora(seed: int, effect: Doubles, noise: float, n_prompts: int = 8) -> PromptSums:
    """A LoRA with an effect and noise from prompt to prompt; prompts have different numbers of pairs."""
    rng = np.random.default_rng(seed)
    n_pairs = rng.integers(1, 5, size=n_prompts)
    means = effect + noise * rng.normal(size=(n_prompts, len(effect)))
    return PromptSums(np.array([f"p{n}" for n in range(n_prompts)]), (means * n_pairs[:, None]).astype(np.float32))


def score_of(query: Query, direction: NDArray[np.floating]) -> float:
    unit = direction.astype(np.float64) / np.linalg.norm(direction.astype(np.float64))
    return float(query.score(unit[None] @ query.matrix.astype(np.float64))[0])


@pytest.mark.parametrize("unwanted", [(), ([0.0, 1, 0, 0, 0, 0],)])
def test_the_error_is_that_of_leaving_each_prompt_out(unwanted: tuple[list[float], ...]) -> None:
    this = lora(0, np.arange(D, dtype=float), noise=2.0)
    query = asked("p", np.ones(D), unwanted=unwanted)
    m = len(this.prompts)
    left_out = [score_of(query, np.delete(this.sums, n, axis=0).sum(axis=0)) for n in range(m)]
    expected = np.sqrt((m - 1) / m * sum((x - np.mean(left_out)) ** 2 for x in left_out))
    assert score_se(query, this) == pytest.approx(expected, rel=1e-5)


def test_one_prompt_has_no_error_and_equal_prompts_have_none_to_speak_of() -> None:
    query = asked("p", np.ones(D))
    assert score_se(query, lora(0, np.ones(D), 1.0, n_prompts=1)) is None
    assert score_se(query, lora(0, np.arange(D, dtype=float), 0.0)) == pytest.approx(0, abs=1e-7)


def test_the_error_tells_how_far_scores_of_other_prompts_lie() -> None:
    """Many LoRAs of one effect, each with prompts of its own: the errors are as large as their scores scatter."""
    query, effect = asked("p", np.eye(D)[0]), np.array([1.0, 1, 0, 0, 0, 0])
    drawn = [lora(seed, effect, 0.8, n_prompts=30) for seed in range(300)]
    errors = [score_se(query, this) or 0.0 for this in drawn]
    scatter = np.std([score_of(query, this.sums.sum(axis=0)) for this in drawn])
    assert np.mean(errors) == pytest.approx(scatter, rel=0.15)


def test_stability_is_the_share_of_resamples_among_the_first_k() -> None:
    query = asked("p", np.eye(D)[0])
    known = {
        "sure": lora(1, np.eye(D)[0] * 9, 0.1),
        "close": lora(2, np.array([1.0, 1, 0, 0, 0, 0]), 1.5),
        "rival": lora(3, np.array([1.0, 1.1, 0, 0, 0, 0]), 1.5),
        "hopeless": lora(4, -np.eye(D)[0] * 9, 0.1),
    }
    scores = np.array([score_of(query, this.sums.sum(axis=0)) for this in known.values()])
    shares = shares_in_top(query, list(known), known, scores, k=2, n_bootstrap=500)
    assert (shares["sure"], shares["hopeless"]) == (1.0, 0.0)
    assert shares["close"] + shares["rival"] == pytest.approx(1.0)
    assert 0.05 < shares["close"] < 0.95
    assert shares == shares_in_top(query, list(known), known, scores, k=2, n_bootstrap=500)


def test_resamples_are_the_same_for_all_loras() -> None:
    """What the prompts do to both alike changes no rank: one that is always a little better always stays first."""
    query = asked("p", np.eye(D)[0])
    better = lora(1, np.array([1.0, 1, 0, 0, 0, 0]), 2.0)
    worse = PromptSums(better.prompts, better.sums - np.abs(better.sums[:, :1]) * np.eye(D, dtype=np.float32)[0] * 0.01)
    scores = np.array([score_of(query, this.sums.sum(axis=0)) for this in (better, worse)])
    shares = shares_in_top(query, ["better", "worse"], {"better": better, "worse": worse}, scores, 1, 300)
    assert shares == {"better": 1.0, "worse": 0.0}


def test_what_is_not_known_by_prompt_keeps_its_score() -> None:
    query = asked("p", np.eye(D)[0])
    known = {"known": lora(1, np.eye(D)[0], 0.01)}
    assert shares_in_top(query, ["unknown", "known"], {}, np.array([0.9, 0.8]), 1, 50) == {}
    shares = shares_in_top(query, ["known", "unknown"], known, np.array([0.9, 0.2]), 1, 50)
    assert shares == {"known": 1.0, "unknown": 0.0}


def test_no_resamples_tell_nothing() -> None:
    known = {"known": lora(1, np.eye(D)[0], 0.01)}
    assert shares_in_top(asked("p", np.ones(D)), ["known"], known, np.array([0.9]), 1, 0) == {}


def test_the_sums_of_the_lake_make_up_its_directions(settings: Settings, tmp_path: Path) -> None:
    """More LoRAs than are read together, one with a prompt of which nothing is left."""
    profile = small_index.small_profile(tmp_path, n_prompts=4, seeds=(0, 1))
    store = open_store(settings.store)
    bare = small_index.baseline(profile)
    small_index.write_shards(store, profile, BASELINE, bare)
    ids = [f"lora-{n:02d}" for n in range(45)]
    keys = [
        small_index.embedded(
            store, profile, i, small_index.with_effect(bare, n), {0: "black", 1: "black"} if n == 3 else None
        )
        for n, i in enumerate(ids)
    ]
    commit_index(settings, profile, keys)
    with connect(settings) as con:
        known = read_prompt_sums(con, profile.profile_id, ids)
        assert read_prompt_sums(con, "another profile", ids) == {}
        directions = dict(_directions(con, profile.profile_id))
    assert sorted(known) == ids
    assert [len(known[i].prompts) for i in ids[2:5]] == [4, 3, 4]
    for lora_id, of_lora in known.items():
        n_pairs = 2 * len(of_lora.prompts)
        assert of_lora.sums.sum(axis=0) / n_pairs == pytest.approx(np.array(directions[lora_id]), abs=1e-5)


def _directions(con: duckdb.DuckDBPyConnection, profile_id: str) -> list[tuple[str, list[float]]]:
    found = con.execute("select lora_id, direction from core.representation where profile_id = ?", [profile_id])
    return found.fetchall()
