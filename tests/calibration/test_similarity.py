"""Similarity without what all LoRAs share, and the null of other LoRAs: cases that can be told by hand."""

import numpy as np
import pytest

from carlos_tasks.arrays import Floats
from carlos_tasks.calibration.similarity import Field, Shared, against_null, centred, null_draw, null_of, similarities


def units(*vectors: tuple[float, ...]) -> Floats:
    given = np.array(vectors, dtype=np.float64)
    return np.asarray(given / np.linalg.norm(given, axis=1, keepdims=True), np.float32)


def random_units(count: int, dimension: int, seed: int = 0) -> Floats:
    given = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(given / np.linalg.norm(given, axis=1, keepdims=True), np.float32)


def test_the_mean_is_taken_away_of_both() -> None:
    field = Field.of(units((1, 1, 0), (1, -1, 0)))
    assert len(field.shared.axes) == 0  # two LoRAs tell no axis
    np.testing.assert_allclose(field.shared.mean, [np.sqrt(0.5), 0, 0], atol=1e-7)
    # What is left of the first LoRA points up, of the second down; of a reference at 45° it points up, too.
    np.testing.assert_allclose(similarities(field, np.array([5.0, 5.0, 0.0])), [1, -1], atol=1e-6)


def test_the_main_axis_is_taken_away_where_there_are_many() -> None:
    spread = np.random.default_rng(1).normal(size=(60, 8)) * [10, 1, 1, 1, 1, 1, 1, 1]
    field = Field.of(units(*map(tuple, spread)))
    assert field.shared.axes.shape == (1, 8)
    assert abs(field.shared.axes[0, 0]) == pytest.approx(1, abs=0.05)
    left = centred(spread, field.shared)
    np.testing.assert_allclose(left @ field.shared.axes.T, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(left, axis=1), 1)


@pytest.mark.parametrize(("count", "dimension", "n_axes"), [(19, 512, 0), (45, 512, 2), (400, 512, 5), (400, 64, 1)])
def test_one_axis_for_every_hundred_dimensions_and_twenty_loras(count: int, dimension: int, n_axes: int) -> None:
    assert len(Field.of(random_units(count, dimension)).shared.axes) == n_axes


def test_nothing_is_said_of_what_is_shared_alone() -> None:
    field = Field(units((1, 0), (0, 1)), Shared(np.array([1.0, 0.0]), np.zeros((0, 2))))
    found = similarities(field, np.array([0.0, 3.0]))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(1)
    assert np.isnan(similarities(field, np.array([2.0, 0.0]))).all()


def test_without_anything_shared_it_is_the_plain_cosine() -> None:
    own = random_units(5, 6)
    found = similarities(Field(own, Shared.nothing(6)), 7.0 * own[2])
    np.testing.assert_allclose(found, own @ own[2], atol=1e-6)


def test_kin_and_the_lora_itself_are_in_no_null() -> None:
    field = Field.of(units((1, 0, 0), (1, 0.1, 0), (0, 1, 0), (0, 0, 1)))
    null = null_of(field, np.arange(4), np.arange(4))
    expected = [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False] * 3 + [True],
    ]
    np.testing.assert_array_equal(np.isnan(null), expected)
    np.testing.assert_allclose(null[2, 3], similarities(field, field.units[3].astype(np.float64))[2], atol=1e-6)


def test_the_draw_is_all_of_few_and_the_same_of_many() -> None:
    np.testing.assert_array_equal(null_draw(5), np.arange(5))
    drawn = null_draw(10_000)
    assert len(set(drawn)) == 1000
    assert (np.diff(drawn) > 0).all()
    np.testing.assert_array_equal(drawn, null_draw(10_000))


def test_a_reference_that_nobody_follows_is_called_as_often_as_chance_has_it() -> None:
    field = Field.of(random_units(5000, 32))
    reference = np.random.default_rng(9).normal(size=32)
    told = against_null(field, similarities(field, reference), null_draw(5000))
    assert (told.p < 0.05).mean() == pytest.approx(0.05, abs=0.012)
    assert (told.p_counted < 0.05).mean() == pytest.approx(0.05, abs=0.012)


def test_blocks_change_nothing() -> None:
    field = Field.of(random_units(4200, 8))
    scores = similarities(field, np.arange(8.0))
    whole = against_null(field, scores, null_draw(4200))
    last = null_of(field, np.arange(4190, 4200), null_draw(4200))
    values = last[9][~np.isnan(last[9])].astype(np.float64)
    z = (scores[4199] - values.mean()) / (values.std(ddof=1) * np.sqrt(1 + 1 / len(values)))
    assert whole.z[4199] == pytest.approx(z, abs=1e-6)
    assert whole.n_null[4199] == len(values)
