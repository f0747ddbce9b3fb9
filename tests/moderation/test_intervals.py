"""Intervals of scores: which tests get one, and that they hold the truth about as often as they say."""

import numpy as np
import pytest

from carlos_tasks.calibration.fisher import standard_interval
from carlos_tasks.calibration.null import Calibrated
from carlos_tasks.moderation.answers import Answers
from carlos_tasks.moderation.intervals import P_MAX, drawn_directions, worth_an_interval
from carlos_tasks.retrieval.uncertainty import PromptSums


def answers(lora: list[int], p: list[float]) -> Answers:
    values, nothing = np.array(p), np.zeros(len(p))
    null = Calibrated(nothing, values, nothing, np.zeros(len(p), np.int64))
    return Answers(np.array(lora, np.int64), np.zeros(len(p), np.int64), nothing, nothing, null, nothing)


def test_only_what_chance_hardly_explains_is_worth_an_interval() -> None:
    assert worth_an_interval(answers([0, 0, 1], [0.01, P_MAX, np.nan])).tolist() == [True, False, False]
    assert worth_an_interval(answers([], [])).tolist() == []


def test_of_many_loras_those_of_the_lowest_p_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carlos_tasks.moderation.intervals.LORAS_MAX", 2)
    found = worth_an_interval(answers([0, 1, 1, 2, 3], [0.03, 0.001, 0.04, 0.02, 0.9]))
    assert found.tolist() == [False, True, True, True, False]


def test_draws_hold_the_true_score_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    truth, asked = np.eye(8)[0], np.array([0.6, 0.8, *np.zeros(6)])
    inside = 0
    for _ in range(200):
        sums = (truth + 0.5 * rng.normal(size=(30, 8))).astype(np.float32)
        told = sums.sum(axis=0) @ asked / np.linalg.norm(sums.sum(axis=0))
        low, high = standard_interval(told, drawn_directions(PromptSums(np.arange(30).astype(str), sums)) @ asked)
        inside += low <= truth @ asked <= high
    assert 0.88 <= inside / 200 <= 1


def test_an_interval_holds_what_it_is_the_interval_of_though_all_draws_lie_lower() -> None:
    low, high = standard_interval(0.9, [0.5, 0.6, 0.7])
    assert low < 0.9 < high < 1


@pytest.mark.parametrize("draws", [[], [0.5], [np.nan, np.nan]])
def test_draws_without_a_spread_tell_nothing(draws: list[float]) -> None:
    assert np.isnan(standard_interval(0.5, draws)).all()


def test_a_direction_without_length_is_no_number_and_no_warning() -> None:
    assert np.isnan(drawn_directions(PromptSums(np.array(["a"]), np.zeros((1, 4), np.float32)))).all()
