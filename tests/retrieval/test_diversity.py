"""Near-duplicates under one hit, and maximal marginal relevance."""

import numpy as np
import pytest

from carlos_tasks.errors import CarlosError
from carlos_tasks.retrieval.diversity import Variety, first_of_groups, marginal_relevance


def at(*degrees: float) -> np.ndarray:
    """Unit vectors at some angles."""
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_a_candidate_belongs_to_the_first_that_is_near_enough() -> None:
    units = at(0, 10, 30, 20, 41)
    assert first_of_groups(units, np.cos(np.deg2rad(15)), 9).tolist() == [0, 2]
    assert first_of_groups(units, np.cos(np.deg2rad(15)), 1).tolist() == [0]
    assert first_of_groups(units, 1.0, 9).tolist() == [0, 1, 2, 3, 4]


def test_equal_directions_are_one_group_whatever_rounding_does() -> None:
    rng = np.random.default_rng(0)
    unit = rng.normal(size=512)
    unit /= np.linalg.norm(unit) * (1 + 1e-12)
    assert first_of_groups(np.stack([unit, unit, unit]), 0.999999, 9).tolist() == [0]


def test_without_diversity_the_order_stays() -> None:
    assert marginal_relevance(np.array([0.9, 0.8, 0.7]), at(0, 1, 90), 0.0, 3).tolist() == [0, 1, 2]


def test_diversity_passes_over_what_resembles_the_hits_above() -> None:
    scores, units = np.array([0.9, 0.89, 0.5, 0.1]), at(0, 1, 60, 90)
    assert marginal_relevance(scores, units, 0.3, 3).tolist() == [0, 1, 2]
    assert marginal_relevance(scores, units, 0.5, 3).tolist() == [0, 3, 1]
    assert marginal_relevance(scores, units, 1.0, 2).tolist() == [0, 3]


def test_the_best_comes_first_however_diverse_and_no_place_is_left_empty() -> None:
    scores = np.array([0.9, 0.1, 0.0])
    assert marginal_relevance(scores, at(0, 0, 0), 1.0, 9).tolist() == [0, 1, 2]
    assert marginal_relevance(np.zeros(0), np.zeros((0, 2)), 0.5, 9).tolist() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-0.1,), "diversity = -0.1"),
        ((1.1,), "from 0"),
        ((float("nan"),), "diversity = nan"),
        ((0.0, 0.0), "a cosine above 0"),
        ((0.0, 1.5), "0.95 is usual"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(CarlosError, match=message):
        Variety(*arguments)
