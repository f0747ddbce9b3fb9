"""One LoRA as smaller indexes would have seen it: how far its representation is from that of all its pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Doubles, Floats
from carlos_tasks.evaluation.corpus.pairs import Estimates, Pairs, estimate
from carlos_tasks.evaluation.corpus.subsets import Draw


@dataclass(frozen=True, eq=False)
class Settled:
    """What one LoRA looks like in every draw.

    Attributes:
        full: (n_draws,), cosine of the Direction with that of all pairs.
        half: (n_draws,), cosine with the Direction of the draw's disjoint part; NaN where it has none.
        strength: (n_draws,), relative error of Strength; `consistency`: of Consistency.
        scores: (n_draws, n_queries), cosine with each query vector.
    """

    full: Doubles
    half: Doubles
    strength: Doubles
    consistency: Doubles
    scores: Floats


def settle(pairs: Pairs, drawn: Sequence[Draw], vectors: Doubles) -> Settled:
    """Look at a LoRA in every draw.

    Args:
        vectors: (n_queries, d), query vectors; there may be none.
    """
    everything = estimate(pairs, np.ones((1, *pairs.valid.shape), bool))
    part = estimate(pairs, np.stack([draw.chosen for draw in drawn]))
    with_other = [number for number, draw in enumerate(drawn) if draw.other is not None]
    half = np.full(len(drawn), np.nan)
    if with_other:
        other = estimate(pairs, np.stack([draw.other for draw in drawn if draw.other is not None]))
        half[with_other] = cosines(part.direction[with_other], other.direction)
    return Settled(
        full=cosines(part.direction, everything.direction),
        half=half,
        strength=_relative(part, everything, "strength"),
        consistency=_relative(part, everything, "consistency"),
        scores=_scores(part.direction, vectors),
    )


def _scores(directions: Doubles, vectors: Doubles) -> Floats:
    """Cosine of every Direction with every query vector, (n_draws, n_queries)."""
    lengths = np.outer(np.linalg.norm(directions, axis=1), np.linalg.norm(vectors, axis=1))
    products = directions @ vectors.T
    found = np.divide(products, lengths, out=np.full(products.shape, np.nan), where=lengths > 0)
    return found.astype(np.float32)


def cosines(a: Doubles, b: Doubles) -> Doubles:
    """Cosine along the last axis, the others broadcast; NaN where a vector has no length."""
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    products = np.asarray((a * b).sum(axis=-1))
    return np.divide(products, lengths, out=np.full(products.shape, np.nan), where=lengths > 0)


def _relative(part: Estimates, everything: Estimates, name: str) -> Doubles:
    whole = getattr(everything, name)[0]
    error: Doubles = np.abs(getattr(part, name) / whole - 1).round(12)  # what is left below is rounding
    return error
