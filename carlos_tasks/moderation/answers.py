"""LoRAs held against questions: scores, nulls, and what follows from all tests of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.calibration.null import Calibrated, calibrated, false_discovery_q, percentile_of
from carlos_tasks.moderation.questions import Question

# LoRAs whose null scores are in memory together: 16 MB at 1,000 of them.
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Answers:
    """The tests of one run, one for each LoRA and question that were compared.

    Attributes:
        lora: number of the LoRA, int64 (m,); `question`: number of the question.
        score: cosine, float64 (m,); `percentile`: share of all measured LoRAs with a lower one.
        null: what the LoRA's own null says of each score, (m,).
        q: Benjamini and Hochberg over all of them, float64 (m,).
    """

    lora: NDArray[np.int64]
    question: NDArray[np.int64]
    score: Doubles
    percentile: Doubles
    null: Calibrated
    q: Doubles

    def __len__(self) -> int:
        """Number of tests."""
        return len(self.lora)


def answer(questions: Sequence[Question], units: Floats, is_asked: Mask) -> Answers:
    """Hold LoRAs against questions.

    Args:
        questions: m of them.
        units: float32 (n, d), unit Directions of all measured LoRAs: percentiles are among all.
        is_asked: (n, m), which of them are tests of this run.
    """
    scores = np.stack([question.scores(units) for question in questions], axis=1)
    ranks = np.stack([percentile_of(column) for column in scores.T], axis=1)
    is_test = is_asked & ~np.isnan(scores)
    lora, number = np.nonzero(is_test)
    null = _held(questions, scores, is_test)
    return Answers(lora, number, scores[is_test], ranks[is_test], null, false_discovery_q(null.p))


def _held(questions: Sequence[Question], scores: Doubles, is_test: Mask) -> Calibrated:
    """Hold every test against the LoRA's own null, a block of LoRAs at a time, in the order of `np.nonzero`."""
    nothing = np.full(is_test.shape, np.nan)
    found = Calibrated(nothing, nothing.copy(), nothing.copy(), np.zeros(is_test.shape, np.int64))
    for rows in np.array_split(np.arange(len(scores)), max(1, -(-len(scores) // _BLOCK))):
        asked = rows[is_test[rows].any(axis=1)]
        if not len(asked):
            continue
        # Questions of one basis share their null scores.
        nulls = {null: null(asked) for null in {question.null for question in questions}}
        for number, question in enumerate(questions):
            own = is_test[asked, number]
            part = calibrated(scores[asked[own], number], nulls[question.null][own][:, question.counts])
            for name in ("z", "p", "p_counted", "n_null"):
                getattr(found, name)[asked[own], number] = getattr(part, name)
    return Calibrated(*(getattr(found, name)[is_test] for name in ("z", "p", "p_counted", "n_null")))
