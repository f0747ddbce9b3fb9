"""Resampled nights: how often attribution is wrong, had other LoRAs been indexed, on other prompts.

Every reference is attributed anew among the LoRAs of a night (`evaluation.corpus.draws`), with its own q-values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.attribution.attribution import Q_FLAGGED
from carlos_tasks.calibration.null import calibrated, false_discovery_q
from carlos_tasks.calibration.similarity import Field, null_draw, null_of, similarities
from carlos_tasks.evaluation.corpus.draws import LEVELS, drawn_night
from carlos_tasks.retrieval.uncertainty import PromptSums


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of n LoRAs for r references: similarity, z, p and q, each float64 (r, n)."""

    similarity: Doubles
    z: Doubles
    p: Doubles
    q: Doubles


@dataclass(frozen=True, eq=False)
class Night:
    """What one night called. NaN where there is nothing to divide by, but for false discoveries: none of none is 0.

    Attributes:
        n_called: (r,), how many were called.
        false_discoveries: (r,), share of the called that are no infringers.
        power: (r,), share of the infringers that are called.
        nulls_below: share of all nulls with a p-value below each of LEVELS.
        auroc: (r,), chance that an infringer is more similar to the reference than an innocent.
    """

    n_called: Doubles
    false_discoveries: Doubles
    power: Doubles
    nulls_below: Doubles
    auroc: Doubles


def scored(units: Floats, references: Doubles) -> Scored:
    """Attribute all references among some LoRAs, as `attribution.comparison.compare` does.

    Args:
        units: float32 (n, d), unit Directions.
        references: float64 (r, d), reference directions.
    """
    field, count = Field.of(units), len(units)
    similarity = np.array([similarities(field, reference) for reference in references])
    null = null_of(field, np.arange(count), null_draw(count))
    told = calibrated(similarity.ravel(), np.tile(null, (len(references), 1)))
    p = told.p.reshape(similarity.shape)
    return Scored(similarity, told.z.reshape(similarity.shape), p, np.array([false_discovery_q(row) for row in p]))


def nights(known: Sequence[PromptSums], references: Doubles, truth: Mask, n_nights: int, seed: int) -> list[Night]:
    """Draw the nights.

    Args:
        known: what each LoRA does, prompt by prompt; n of them.
        references: (r, d).
        truth: (r, n), who infringes.
        n_nights, seed: how many, and from which seed.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_nights):
        there, units = drawn_night(known, rng)
        found.append(_judged(scored(units, references), truth[:, there]))
    return found


def _judged(found: Scored, truth: Mask) -> Night:
    called = found.q <= Q_FLAGGED
    n_called, n_true = called.sum(axis=1), truth.sum(axis=1)
    false, right = (called & ~truth).sum(axis=1), (called & truth).sum(axis=1)
    power = np.divide(right, n_true, out=np.full(len(truth), np.nan), where=n_true > 0)
    nulls = found.p[~truth]
    below = np.array([(nulls < level).mean() for level in LEVELS])
    areas = np.array([auroc(scores, true) for scores, true in zip(found.similarity, truth, strict=True)])
    return Night(n_called.astype(np.float64), false / np.maximum(n_called, 1), power, below, areas)


def auroc(scores: Doubles, relevant: Mask) -> float:
    """Area under the ROC curve: chance that a right one scores higher than a wrong one; nan without both kinds."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(relevant, scores)) if relevant.any() and not relevant.all() else float("nan")
