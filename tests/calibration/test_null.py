"""Scores against their nulls: formulas on small numbers, and honest p-values on many."""

import numpy as np
import pytest
from scipy import stats

from carlos_tasks.calibration.null import MIN_NULL, calibrated, false_discovery_q, percentile_of
from carlos_tasks.calibration.text_null import TextNull, text_query


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_z_and_p_are_those_of_a_prediction_interval() -> None:
    null = rng().normal(size=30)
    found = calibrated([1.5], null[None])
    z = (1.5 - null.mean()) / (null.std(ddof=1) * np.sqrt(1 + 1 / 30))
    assert found.z == pytest.approx([z])
    assert found.p == pytest.approx([stats.t.sf(z, 29)])
    assert found.n_null.tolist() == [30]


def test_the_counted_p_counts_the_score_itself_and_ties() -> None:
    null = np.arange(39.0)
    assert calibrated([100.0], null).p_counted == pytest.approx([1 / 40])
    assert calibrated([38.0], null).p_counted == pytest.approx([2 / 40])
    assert calibrated([-1.0], null).p_counted == pytest.approx([1.0])


def test_nan_in_a_null_is_left_out() -> None:
    null = rng().normal(size=40)
    with_gaps = np.concatenate([null[:25], np.full(15, np.nan)])
    short, gaps = calibrated([1.0], null[:25]), calibrated([1.0], with_gaps)
    for name in ("z", "p", "p_counted"):
        assert getattr(gaps, name) == pytest.approx(getattr(short, name))
    assert gaps.n_null.tolist() == [25]


@pytest.mark.parametrize(
    ("score", "null"),
    [
        (0.5, np.linspace(0, 1, MIN_NULL - 1)),
        (0.5, np.full(50, 0.25)),
        (np.nan, np.linspace(0, 1, 50)),
        (0.5, np.full(50, np.nan)),
    ],
    ids=["too few", "all the same", "no score", "none"],
)
def test_where_a_null_says_nothing_nothing_is_said(score: float, null: np.ndarray) -> None:
    found = calibrated([score], null)
    assert np.isnan([found.z, found.p, found.p_counted]).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, null = rng().normal(size=50), rng().normal(size=(50, 30)).astype(np.float32)
    whole = calibrated(scores, null)
    monkeypatch.setattr("carlos_tasks.calibration.null._AT_ONCE", 70)
    parts = calibrated(scores, null)
    assert np.array_equal(whole.z, parts.z) and np.array_equal(whole.n_null, parts.n_null)


def test_no_scores_are_no_results() -> None:
    assert len(calibrated([], np.zeros((0, 30))).p) == 0


@pytest.mark.parametrize("level", [0.01, 0.05, 0.1])
def test_nulls_are_called_as_often_as_promised(level: float) -> None:
    draws = rng().normal(3, 2, size=(20_000, 41))
    found = calibrated(draws[:, 0], draws[:, 1:])
    assert (found.p < level).mean() == pytest.approx(level, abs=0.006)
    assert (found.p_counted <= level).mean() <= level + 0.006


def test_q_is_benjamini_and_hochberg_and_nan_is_no_test() -> None:
    assert false_discovery_q([0.01, 0.02, np.nan, 0.5]) == pytest.approx([0.03, 0.03, np.nan, 0.5], nan_ok=True)
    assert len(false_discovery_q([])) == 0


def test_false_discoveries_stay_below_their_rate() -> None:
    shares = []
    for seed in range(200):
        draw = np.random.default_rng(seed)
        is_real = np.arange(200) < 20
        p = stats.norm.sf(draw.normal(size=200) + 4 * is_real)
        called = false_discovery_q(p) <= 0.1
        shares.append((called & ~is_real).sum() / max(called.sum(), 1))
    assert np.mean(shares) <= 0.1


def test_percentiles_are_among_the_others_and_ties_count_half() -> None:
    assert percentile_of([1, 2, 2, np.nan, 3]) == pytest.approx([0, 0.5, 0.5, np.nan, 1], nan_ok=True)
    assert np.isnan(percentile_of([1.0])).all()


def test_a_concept_s_own_texts_are_in_no_null_of_its_own_however_far_they_lie_apart() -> None:
    axes = np.eye(4, dtype=np.float32)
    query = text_query("p", ["0", "1"], ["2"], lambda text: 3 * axes[int(text)])
    is_neutral = TextNull(axes).is_neutral(query)
    np.testing.assert_array_equal(is_neutral, [False, False, True, True])
