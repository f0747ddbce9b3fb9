"""Measures of a ranking, on rows small enough to check by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carlos_tasks.arrays import Doubles
from carlos_tasks.evaluation.corpus.measures import ends_of, in_order, interval, margin, quality, ranked, spread, top

NAN = math.nan


def test_ties_go_by_the_order_of_the_ids_and_what_is_not_returned_comes_last() -> None:
    scores = np.array([[0.5, NAN, 0.5, 0.9]])
    assert ranked(scores).tolist() == [[3, 0, 2, 1]]
    assert top(scores, 4).tolist() == [[3, 0, 2, -1]]
    assert top(scores, 9).tolist() == [[3, 0, 2, -1]]


def test_many_ties_keep_the_order_of_the_ids() -> None:
    scores = np.tile([0.5, 0.9, NAN, 0.5], 100)[None]
    order = ranked(scores)[0]
    assert all((np.diff(part) > 0).all() for part in (order[:100], order[100:300], order[300:]))


def test_a_right_answer_that_is_not_returned_is_none() -> None:
    assert in_order(np.array([[NAN, 0.1]]), np.array([[True, False]])).tolist() == [[False, False]]


@pytest.mark.parametrize(
    ("places_of_right", "hit1", "hit3", "mrr", "ndcg"),
    [
        ([1], 1, 1, 1, 1),
        ([2], 0, 1, 1 / 2, 1 / math.log2(3)),
        ([4], 0, 0, 1 / 4, 1 / math.log2(5)),
        ([1, 2], 1, 1, 1, 1),
        ([1, 3], 1, 1, 1, (1 + 1 / 2) / (1 + 1 / math.log2(3))),
        ([11], 0, 0, 1 / 11, 0),
        ([], 0, 0, 0, 0),
    ],
)
def test_quality(places_of_right: list[int], hit1: float, hit3: float, mrr: float, ndcg: float) -> None:
    scores = -np.arange(12.0)[None]
    relevant = np.array([[place in places_of_right for place in range(1, 13)]])
    found = quality(scores, relevant)
    assert [found[name][0] for name in ("hit@1", "hit@3", "mrr")] == [hit1, hit3, mrr]
    assert found["ndcg@10"][0] == pytest.approx(ndcg)


def test_right_answers_that_are_filtered_out_cost_ndcg_and_reciprocal_rank() -> None:
    found = quality(np.array([[NAN, 0.3]]), np.array([[True, False]]))
    assert {name: values[0] for name, values in found.items()} == {"hit@1": 0, "hit@3": 0, "mrr": 0, "ndcg@10": 0}


@given(st.integers(1, 15), st.integers(0, 2**32 - 1))
def test_measures_lie_between_0_and_1_and_agree_with_each_other(n_loras: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(3, n_loras))
    scores[rng.random(scores.shape) < 0.2] = NAN
    relevant = rng.random(scores.shape) < 0.3
    found = quality(scores, relevant)
    assert all(((values >= 0) & (values <= 1)).all() for values in found.values())
    assert (found["hit@1"] <= found["hit@3"]).all()
    assert ((found["mrr"] == 1) == (found["hit@1"] == 1)).all()
    assert ((found["mrr"] > 0.3) == (found["hit@3"] == 1)).all()


def test_the_margin_is_positive_where_the_first_answer_is_right() -> None:
    scores = np.array([[0.5, 0.2, 0.1], [0.1, 0.6, 0.2], [0.5, NAN, NAN]])
    relevant = np.array([[True, False, False]] * 3)
    found = margin(scores, relevant)
    assert found[:2] == pytest.approx([0.3, -0.5]) and math.isnan(found[2])


def ends(values: Doubles, groups: list[str]) -> tuple[float, float]:
    """An interval that there is."""
    low, high = interval(values, groups, 500, 0)
    assert low is not None and high is not None
    return low, high


def test_an_interval_draws_whole_effects() -> None:
    effects = [f"effect {n}" for n in range(8) for _ in range(5)]
    by_effect = np.repeat([1.0, 0, 1, 0, 1, 0, 1, 0], 5)
    mixed = np.tile([1.0, 0, 1, 0], 10)
    (low, high), apart = ends(by_effect, effects), ends(mixed, effects)
    assert high - low > 2 * (apart[1] - apart[0])
    assert low < 0.5 < high


def test_an_interval_is_the_same_each_time_and_none_for_one_effect() -> None:
    values = np.array([0.0, 1, 1, 0])
    assert interval(values, list("aabb"), 100, 3) == interval(values, list("aabb"), 100, 3)
    assert interval(values, list("aaaa"), 100, 3) == (None, None)


def test_all_right_is_not_certain() -> None:
    effects = [str(n) for n in range(18)]
    assert ends(np.ones(18), effects) == pytest.approx((0.025 ** (1 / 18), 1.0))
    assert ends(np.zeros(18), effects) == pytest.approx((0.0, 1 - 0.025 ** (1 / 18)))
    assert interval(np.zeros(18), effects, 100, 0, is_share=False) == (0.0, 0.0)


def test_an_interval_as_columns() -> None:
    assert ends_of("mrr", 0.25, 1.0) == {"mrr low": 0.25, "mrr high": 1.0, "mrr 95 %": "0.25–1.00"}
    assert ends_of("mrr", None, None) == {"mrr low": None, "mrr high": None, "mrr 95 %": None}


@pytest.mark.parametrize(
    ("returned", "entropy", "effective", "coverage"),
    [
        ([0, 1, 2, 3], 1, 4, 1),
        ([0, 0, 0, 0], 0, 1, 1 / 4),
        ([0, 1, -1, -1], 1 / 2, 2, 1 / 2),
        ([-1, -1], 0, 0, 0),
    ],
)
def test_spread(returned: list[int], entropy: float, effective: float, coverage: float) -> None:
    found = spread(np.array(returned), 4)
    assert found == {
        "entropy_normalised": pytest.approx(entropy),
        "effective_loras": pytest.approx(effective),
        "coverage": pytest.approx(coverage),
    }
