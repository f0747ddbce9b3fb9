"""Which prompts and seeds a smaller index would have had: subsets of the pairs, drawn from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Mask

PROMPTS, ONE_SEED, SEEDS = "prompts, all seeds", "prompts, one seed each", "seeds, all prompts"
DESIGNS = (PROMPTS, ONE_SEED, SEEDS)
_STEPS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 180, 280, 450, 700, 1100)


@dataclass(frozen=True, eq=False)
class Draw:
    """A subset of the pairs, and another of the same size that shares no prompt (or no seed) with it.

    Attributes:
        design: one of DESIGNS.
        size: number of prompts, or of seeds.
        chosen: (n_prompts, n_seeds), the pairs of the subset.
        other: the same of the disjoint one; None where the size is more than half.
    """

    design: str
    size: int
    chosen: Mask
    other: Mask | None


def sizes(count: int) -> list[int]:
    """Numbers to try, up to `count`; it is among them, and its half, where two halves can be compared."""
    return sorted({step for step in _STEPS if step < count} | {max(count // 2, 1), count})


def draws(n_prompts: int, n_seeds: int, n_repeats: int, seed: int) -> Iterator[Draw]:
    """Every design at every size, each drawn `n_repeats` times (once where there is only one subset)."""
    rng = np.random.default_rng(seed)
    for design in DESIGNS:
        total = n_seeds if design == SEEDS else n_prompts
        for size in sizes(total):
            is_everything = size == total and (design != ONE_SEED or n_seeds == 1)
            for _ in range(1 if is_everything else n_repeats):
                order = rng.permutation(total)
                halves = [order[:size], order[size : 2 * size]] if 2 * size <= total else [order[:size]]
                masks = [_pairs(design, half, n_prompts, n_seeds, rng) for half in halves]
                yield Draw(design, size, masks[0], masks[1] if len(masks) == 2 else None)


def _pairs(design: str, taken: np.ndarray, n_prompts: int, n_seeds: int, rng: np.random.Generator) -> Mask:
    chosen = np.zeros((n_prompts, n_seeds), bool)
    if design == SEEDS:
        chosen[:, taken] = True
    elif design == PROMPTS:
        chosen[taken] = True
    else:
        chosen[taken, rng.integers(n_seeds, size=len(taken))] = True
    return chosen
