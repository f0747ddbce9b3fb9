"""Short runs of the benchmark of budgets: made-up pairs in place of an hour of drawing; prompts that can be drawn."""

import numpy as np
import pytest

from benchmarks.budget import N_ALL, Measured, growing, judged, micro, published
from benchmarks.budget_truth import N_PROMPTS, N_SEEDS, scenes
from carlos_tasks.microworld.captions import vocabulary
from carlos_tasks.profiles.budget import Budget, Settled

D = 12
BUDGET = Budget(
    order="balanced",
    looks=growing(64, 2.0),
    settled=Settled(direction_cosine=0.98, strength_error=0.02, status_errors=2.0),
)


@pytest.fixture(scope="module")
def truth() -> dict[str, Measured]:
    """A LoRA that does nearly the same to every picture, and one that does not."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(N_PROMPTS, N_SEEDS, D)).astype(np.float32)

    def moved(noise: float) -> Measured:
        away = 3 * np.eye(D)[0] + noise * rng.normal(size=base.shape)
        return Measured((base + away).astype(np.float32), base)

    return {"steady": moved(0.2), "erratic": moved(2.0)}


def test_looks_grow_to_all_pairs() -> None:
    assert growing(64, 2.0) == (64, 128, 256, 512, 1024, 2048, 4096, N_ALL)


def test_what_is_steady_is_stopped_early_and_near_to_all_pairs(truth: dict[str, Measured]) -> None:
    found = list(micro(truth, BUDGET, {}, 2, np.random.default_rng(1)))
    n_pairs = [stopped.look.n_pairs for stopped in found]
    assert n_pairs[:2] == [64, 64]
    assert min(n_pairs[2:]) > 64
    row = judged("micro", found, [])
    assert row["n"] == 4
    assert row["cosine_98"] == row["covered"] == row["same_status"] == 1
    assert row["least_cosine"] >= 0.98


def test_the_published_ones_are_stopped(truth: dict[str, Measured]) -> None:
    """Where the file is at hand."""
    from benchmarks.budget import PUBLISHED

    if not PUBLISHED.is_file():
        pytest.skip("the published index is not at hand")
    found, best = published(truth, BUDGET, 3, np.random.default_rng(0))
    assert len(found) == len(best) == 3
    assert all(64 <= stopped.look.n_pairs <= N_ALL for stopped in found)


def test_every_prompt_can_be_said_to_the_backbone_and_is_another_scene() -> None:
    prompts = scenes()
    assert len({prompt["text"] for prompt in prompts}) == len({prompt["prompt_id"] for prompt in prompts}) == N_PROMPTS
    assert {word for prompt in prompts for word in prompt["text"].split()} <= set(vocabulary())
    assert len({prompt["category"] for prompt in prompts}) == 3
