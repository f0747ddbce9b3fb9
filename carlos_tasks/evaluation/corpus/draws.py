"""A night drawn anew: what a policy's scores and an attribution would have said, had other LoRAs been indexed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.retrieval.uncertainty import PromptSums

N_NIGHTS = 200
#: p-values at which the calling of nulls is counted.
LEVELS = (0.001, 0.01, 0.05, 0.1)
_SHARE = 0.75


def drawn_night(known: Sequence[PromptSums], rng: np.random.Generator) -> tuple[NDArray[np.intp], Floats]:
    """Draw three quarters of the LoRAs, and for each of them as many prompts as it has, with replacement.

    LoRAs are drawn without replacement, so that none is there twice and what does alike varies.

    Args:
        known: what each LoRA does, prompt by prompt; n of them.
        rng: the draws follow from it.

    Returns:
        Numbers of the LoRAs that are there, sorted, and their unit Directions, float32 (r, d).
    """
    there = np.sort(rng.choice(len(known), max(1, round(_SHARE * len(known))), replace=False))
    directions = np.array([_drawn(known[number], rng) for number in there])
    units = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return there, units.astype(np.float32)


def _drawn(of_lora: PromptSums, rng: np.random.Generator) -> Doubles:
    n_prompts = len(of_lora.sums)
    return np.asarray(rng.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts)) @ of_lora.sums, np.float64)
