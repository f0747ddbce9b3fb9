"""Batches of rendered pictures with effects: what the encoder and the VAE are trained on."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from carlos_tasks.microworld import modifiers

# Which part of the pictures has no effect, one effect, two effects.
EFFECT_COUNTS = (0.22, 0.64, 0.14)


def sample_effects(count: int, random_source: random.Random) -> list[tuple[str, ...]]:
    """Draw none, one or two effects for each picture."""
    sizes = random_source.choices((0, 1, 2), weights=EFFECT_COUNTS, k=count)
    return [tuple(random_source.sample(modifiers.EFFECT_NAMES, size)) for size in sizes]


def apply_effects(
    images: Tensor, distance: Tensor, effects: list[tuple[str, ...]], generator: torch.Generator
) -> Tensor:
    """Apply each picture's effects in turn; pictures that share an effect are changed together.

    Args:
        images, distance: as ``scenes.render`` returns them, (n, 3, 32, 32) and (n, 32, 32).
        effects: n tuples of at most two effect names.
    """
    images = images.clone()
    for turn in range(2):
        for name in modifiers.EFFECT_NAMES:
            rows = [row for row, names in enumerate(effects) if names[turn : turn + 1] == (name,)]
            if rows:
                images[rows] = modifiers.apply(name, images[rows], distance[rows], generator)
    return images
