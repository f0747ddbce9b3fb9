"""The definitions that the model card's figures rest on, in numpy: an independent check on the platform's SQL."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Doubles


@dataclass(frozen=True)
class Representation:
    """A LoRA by what it does, from n pairs of unnormalised features.

    Attributes:
        direction: float64 (d,), mean difference. strength: mean length of the differences. consistency: their mean
            pairwise cosine. retention: how much of the baseline's variation over prompts and seeds is still there,
            1 for untouched pictures. variety: how much the LoRA's own pictures vary, as a share of the baseline's
            variance; 0 for the same picture whatever the prompt.
    """

    direction: Doubles
    strength: float
    consistency: float
    retention: float
    variety: float


def represent(base: Doubles, lora: Doubles) -> Representation:
    """Compare pictures pair by pair; rows of both (n, d) arrays are the same (prompt, seed)."""
    differences = lora - base
    lengths = np.linalg.norm(differences, axis=1)
    moved = lengths > 0
    units = differences[moved] / lengths[moved, None]
    count = len(units)
    consistency = (np.sum(units.sum(axis=0) ** 2) - count) / (count * (count - 1)) if count > 1 else 0.0
    spread = base - base.mean(axis=0)
    own = lora - lora.mean(axis=0)
    retention, variety = np.sum(own * spread) / np.sum(spread**2), np.sum(own**2) / np.sum(spread**2)
    return Representation(
        differences.mean(axis=0), float(lengths.mean()), float(consistency), float(retention), float(variety)
    )


def cosine(left: Doubles, right: Doubles) -> float:
    """Cosine of the angle between two vectors that are not zero."""
    return float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right)))


def first_hit(query: Doubles, directions: dict[str, Doubles], right: set[str]) -> int | None:
    """The rank, from 1, of the first right LoRA by cosine to the query; None where none is right."""
    ranked = sorted(directions, key=lambda name: -cosine(query, directions[name]))
    return next((rank for rank, name in enumerate(ranked, start=1) if name in right), None)
