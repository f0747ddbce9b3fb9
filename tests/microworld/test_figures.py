"""The figures' definitions on cases that one can check by hand."""

import numpy as np
import pytest

from carlos_tasks.microworld.figures import first_hit, represent

BASE = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def test_a_shift_of_every_picture_is_perfectly_consistent() -> None:
    measured = represent(BASE, BASE + np.array([3.0, 4.0]))
    assert measured.direction.tolist() == [3.0, 4.0]
    assert measured.strength == pytest.approx(5.0)
    assert measured.consistency == pytest.approx(1.0)
    assert (measured.retention, measured.variety) == pytest.approx((1.0, 1.0))


def test_consistency_is_the_mean_pairwise_cosine() -> None:
    lora = BASE + np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0], [0.0, 0.0]])
    diagonal = 1 / np.sqrt(2)
    assert represent(BASE, lora).consistency == pytest.approx((0 + diagonal + diagonal) / 3)


def test_the_same_picture_for_every_prompt_has_no_variety() -> None:
    measured = represent(BASE, np.tile([5.0, 5.0], (4, 1)))
    assert (measured.retention, measured.variety) == pytest.approx((0.0, 0.0))


def test_an_inversion_keeps_its_variety_but_not_the_baselines_variation() -> None:
    measured = represent(BASE, -BASE)
    assert (measured.retention, measured.variety) == pytest.approx((-1.0, 1.0))
    assert measured.consistency == pytest.approx(-1 / 3)


def test_the_first_right_lora_counts() -> None:
    directions = {"a": np.array([1.0, 0.0]), "b": np.array([1.0, 1.0]), "c": np.array([0.0, 1.0])}
    assert first_hit(np.array([9.0, 1.0]), directions, {"b", "c"}) == 2
    assert first_hit(np.array([9.0, 1.0]), directions, set()) is None
