"""The score of a query, and what each of its parts adds to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carlos_tasks.errors import CarlosError
from carlos_tasks.retrieval.query import Part, Query


def part(weight: float, *vector: float, asked: str = "it") -> Part:
    return Part(asked, weight, np.array(vector, dtype=np.float32))


def score(query: Query, *direction: float) -> float:
    unit = np.array(direction) / np.linalg.norm(direction)
    return float(query.score(unit @ query.matrix))


def test_one_wanted_part_scores_its_cosine_whatever_its_weight_and_length() -> None:
    for weight, length in ((1.0, 1.0), (0.3, 7.0)):
        query = Query("p", (part(weight, 3 * length, 4 * length),))
        assert score(query, 1, 0) == pytest.approx(0.6)
        assert score(query, -1, 0) == pytest.approx(-0.6)


def test_wanted_parts_are_added_by_weight_not_by_length() -> None:
    query = Query("p", (part(1, 100, 0), part(2, 0, 0.1)))
    assert score(query, 1, 0) == pytest.approx(1 / np.sqrt(5))
    assert score(query, 0, 1) == pytest.approx(2 / np.sqrt(5))
    assert score(query, 1, 2) == pytest.approx(1)


def test_but_not_takes_from_those_that_have_it_and_gives_nothing_to_its_opposite() -> None:
    query = Query("p", (part(1, 1, 0), part(-0.5, 0, 2)))
    assert score(query, 1, 0) == pytest.approx(1)
    assert score(query, 1, 1) == pytest.approx(np.sqrt(0.5) - 0.5 * np.sqrt(0.5))
    assert score(query, 1, -1) == pytest.approx(np.sqrt(0.5))


def test_the_matrix_has_unit_columns_the_scored_ones_first() -> None:
    query = Query("p", (part(-1, 0, 0, 5), part(1, 2, 0, 0), part(1, 0, 3, 0)))
    root = np.sqrt(0.5)
    expected = np.array([[root, root, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]).T
    np.testing.assert_allclose(query.matrix, expected, atol=1e-7)
    assert query.matrix.dtype == np.float32
    assert (query.dimension, query.n_scored) == (3, 2)


weights = st.floats(0.01, 10).flatmap(lambda weight: st.sampled_from([weight, -weight]))


@given(st.lists(weights, min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_contributions_add_up_to_the_score(signed: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    signed = [abs(signed[0]), *signed[1:]]
    query = Query("p", tuple(part(weight, *rng.normal(size=8)) for weight in signed))
    directions = rng.normal(size=(5, 8))
    cosines = directions / np.linalg.norm(directions, axis=1, keepdims=True) @ query.matrix.astype(np.float64)
    scores = query.score(cosines[:, : query.n_scored])
    np.testing.assert_array_equal(scores, query.score(cosines))
    contributions = query.contributions(cosines)
    assert contributions.shape == (5, len(signed))
    np.testing.assert_allclose(contributions.sum(axis=1), scores, atol=1e-5 * sum(map(abs, signed)))
    # The score by its definition, part by part.
    units = [p.vector / np.linalg.norm(p.vector) for p in query.parts]
    wanted = sum(w * u for w, u in zip(signed, units, strict=True) if w > 0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    expected = directions @ wanted / np.linalg.norm(wanted)
    for weight, unit in zip(signed, units, strict=True):
        if weight < 0:
            expected = expected - abs(weight) * np.maximum(0, directions @ unit)
    np.testing.assert_allclose(scores, expected, atol=1e-5 * sum(map(abs, signed)))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((), "nothing is wanted"),
        ((part(-1, 1, 0),), "nothing is wanted"),
        ((part(1, 1, 0), part(1, 1, 0, 0, asked="other")), "'other' has 3 dimensions and 'it' 2"),
        ((part(1, 0, 0),), "no direction: 'it' makes no difference"),
        ((part(1, 1, 0), part(-1, 0, 0)), "no direction"),
        ((part(1, 1, 0), part(1, -2, 0)), "no direction: its wanted parts cancel"),
        ((part(1, 1, float("nan")),), "no finite list"),
        ((part(1, 1, float("inf")),), "no finite list"),
        ((part(0, 1, 0),), "weight 0"),
        ((part(float("nan"), 1, 0),), "weight nan"),
        ((part(float("inf"), 1, 0),), "weight inf"),
        ((part(1e200, 1, 0),), "weight 1e[+]200: give one from 1e-06 to 1e[+]06"),
        ((Part("it", 1.0, np.ones((2, 2), np.float32)),), "no finite list"),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(parts: tuple[Part, ...], message: str) -> None:
    with pytest.raises(CarlosError, match=message):
        Query("p", parts)
