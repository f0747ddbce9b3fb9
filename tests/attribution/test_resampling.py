"""Intervals: around the similarity, narrower with more prompts, wider where the reference's members differ."""

import numpy as np
import pytest

from carlos_tasks.arrays import Doubles
from carlos_tasks.attribution.basis import Basis
from carlos_tasks.attribution.resampling import N_DRAWS, interval
from carlos_tasks.calibration.similarity import Shared, centred
from carlos_tasks.retrieval.uncertainty import PromptSums

DIMENSION = 16
NOTHING = Shared.nothing(DIMENSION)
RNG = np.random.default_rng(0)
DIRECTION = RNG.normal(size=DIMENSION)


def prompts(count: int, noise: float = 1.0) -> PromptSums:
    sums = DIRECTION + noise * np.random.default_rng(5).normal(size=(count, DIMENSION))
    return PromptSums(np.array([str(number) for number in range(count)]), sums.astype(np.float32))


def basis(count: int, noise: float = 1.0) -> Basis:
    members = DIRECTION + noise * np.random.default_rng(6).normal(size=(count, DIMENSION))
    return Basis("pictures", members, np.zeros(DIMENSION))


def cosine(of_lora: PromptSums, reference: Basis) -> float:
    one, other = of_lora.sums.sum(axis=0).astype(np.float64), reference.vector
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def ends(of_lora: PromptSums, reference: Basis) -> tuple[float, float]:
    draws = reference.resampled(np.random.default_rng(1), N_DRAWS)
    return interval(cosine(of_lora, reference), of_lora, centred(draws, NOTHING), NOTHING)


def width(of_lora: PromptSums, reference: Basis) -> float:
    low, high = ends(of_lora, reference)
    assert -1 < low < cosine(of_lora, reference) < high < 1
    return high - low


def test_more_prompts_and_more_pictures_make_it_narrower() -> None:
    assert width(prompts(50), basis(50)) < width(prompts(5), basis(50))
    assert width(prompts(50), basis(50)) < width(prompts(50), basis(4))


def test_one_member_has_no_spread_of_its_own() -> None:
    one = basis(1)
    np.testing.assert_array_equal(one.resampled(np.random.default_rng(0), 3), np.repeat(one.members, 3, axis=0))
    assert one.known_to is None
    assert width(prompts(50), one) > 0


def test_a_lora_that_is_the_reference_has_no_width() -> None:
    exact = PromptSums(np.array(["a", "b"]), np.array([DIRECTION, DIRECTION], np.float32))
    assert ends(exact, Basis("loras", DIRECTION[None], np.zeros(DIMENSION))) == pytest.approx((1, 1), abs=1e-6)


def test_the_interval_holds_the_similarity_of_all_prompts_as_often_as_it_says() -> None:
    """Fifty times, 30 prompts of a LoRA and 24 pictures: does the interval hold what very many would give?"""
    held = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        noisy: Doubles = DIRECTION + 0.5 * rng.normal(size=(30, DIMENSION))
        other = DIRECTION[::-1] + DIRECTION + 0.5 * rng.normal(size=(24, DIMENSION))
        of_lora = PromptSums(np.array([str(n) for n in range(30)]), noisy.astype(np.float32))
        low, high = ends(of_lora, Basis("pictures", other, np.zeros(DIMENSION)))
        goal = DIRECTION[::-1] + DIRECTION
        truth = float(DIRECTION @ goal / np.linalg.norm(DIRECTION) / np.linalg.norm(goal))
        held += low <= truth <= high
    assert held >= 44


def test_members_that_agree_know_the_direction() -> None:
    assert basis(24, 0.1).known_to == pytest.approx(1, abs=0.01)
    opposite = Basis("pictures", np.array([DIRECTION, -0.5 * DIRECTION]), np.zeros(DIMENSION))
    assert opposite.known_to is None
