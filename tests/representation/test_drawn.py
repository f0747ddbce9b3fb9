"""The error of a mean over some pairs of a finite set, against sets of which all pairs are known."""

import numpy as np
import pytest

from carlos_tasks.arrays import Doubles
from carlos_tasks.representation.drawn import Drawn

N_PROMPTS, N_SEEDS, D = 40, 8, 12


def measured(rng: np.random.Generator, of_prompts: float) -> Doubles:
    """Pairs of which prompts make this share of the variance, (prompts, seeds, d)."""
    scale = np.sqrt(1 / np.arange(1, D + 1))
    own = rng.normal(size=(N_PROMPTS, 1, D)) * np.sqrt(of_prompts)
    return (own + rng.normal(size=(N_PROMPTS, N_SEEDS, D)) * np.sqrt(1 - of_prompts)) * scale


def drawn(rng: np.random.Generator, n_pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Prompts and seeds of some pairs: every prompt once, then again."""
    prompts = np.tile(rng.permutation(N_PROMPTS), N_SEEDS)[:n_pairs]
    seeds = np.repeat(rng.permutation(N_SEEDS), N_PROMPTS)[:n_pairs]
    return prompts, seeds


@pytest.mark.parametrize("of_prompts", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("n_pairs", [20, 40, 60, 160])
def test_the_error_is_as_large_as_is_said_or_smaller_and_seldom_above_its_bound(
    of_prompts: float, n_pairs: int
) -> None:
    rng = np.random.default_rng(3)
    true, said, covered = [], [], []
    for _ in range(400):
        pairs = measured(rng, of_prompts)
        prompts, seeds = drawn(rng, n_pairs)
        values = pairs[prompts, seeds]
        error = Drawn(prompts, N_PROMPTS, N_SEEDS).error(values)
        assert error is not None
        true.append(float(((values.mean(axis=0) - pairs.mean(axis=(0, 1))) ** 2).sum()))
        said.append(error.expected)
        covered.append(true[-1] <= error.upper(2.0))
    # Two standard errors to one side are 97.7 %; of few pairs the spectrum is known no better than so.
    assert np.mean(covered) > 0.9545
    assert np.mean(true) < 1.06 * np.mean(said)
    if n_pairs > N_PROMPTS:  # prompts and seeds are told apart, so that nothing is too cautious
        assert np.mean(true) > 0.85 * np.mean(said)


def test_of_all_pairs_the_error_is_nothing() -> None:
    prompts, seeds = drawn(np.random.default_rng(0), N_PROMPTS * N_SEEDS)
    error = Drawn(prompts, N_PROMPTS, N_SEEDS).error(measured(np.random.default_rng(0), 0.5)[prompts, seeds])
    assert error is not None
    assert error.expected == pytest.approx(0)
    assert error.upper(3.0) == pytest.approx(0)


def test_of_two_prompts_nothing_is_said() -> None:
    assert Drawn(np.array([0, 0, 1]), N_PROMPTS, N_SEEDS).error(np.ones((3, 2))) is None


def test_pairs_without_any_difference_have_no_error() -> None:
    error = Drawn(np.arange(5), N_PROMPTS, N_SEEDS).error(np.ones((5, 2)))
    assert error is not None
    assert error.upper(2.0) == 0
