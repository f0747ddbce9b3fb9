"""Concepts of a policy held against LoRAs whose effects are known: now, and over resampled nights.

All concepts are asked anew of the LoRAs of a night (`evaluation.corpus.draws`), with q-values over all its tests,
as a run of `carlos score` has them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.calibration.null import calibrated, false_discovery_q
from carlos_tasks.calibration.text_null import TextNull, text_query, text_scores, wanted_units
from carlos_tasks.evaluation.corpus.draws import LEVELS, drawn_night
from carlos_tasks.policies.policy import Concept
from carlos_tasks.retrieval.query import Query
from carlos_tasks.retrieval.uncertainty import PromptSums

#: Scores with a q-value of at most this count as called.
Q_CALLED = 0.1


@dataclass(frozen=True, eq=False)
class ConceptTests:
    """Every LoRA held against every concept: score, z, p and q, each float64 (n, m); q is over all of them."""

    score: Doubles
    z: Doubles
    p: Doubles
    q: Doubles

    @property
    def called(self) -> Mask:
        """Which tests are called: (n, m)."""
        return np.asarray(self.q <= Q_CALLED)


@dataclass(frozen=True, eq=False)
class Concepts:
    """m concepts as questions, and the null that they are held against."""

    queries: Sequence[Query]
    null: TextNull

    @classmethod
    def of(
        cls, concepts: Sequence[Concept], null: TextNull, profile_id: str, encode: Callable[[str], Floats]
    ) -> "Concepts":
        """Encode the texts of concepts."""
        return cls([text_query(profile_id, one.texts, one.counter_texts, encode) for one in concepts], null)

    def held_out(self, chosen: Sequence[int], *, know_each_other: bool) -> "Concepts":
        """Some of the concepts, held against a null without the wordings of any of them.

        Args:
            chosen: their numbers.
            know_each_other: the null has the texts of the chosen, as that of a policy has; each leaves its own out.
        """
        queries = [self.queries[number] for number in chosen]
        is_neutral = np.all([self.null.is_neutral(query) for query in queries], axis=0)
        own = [wanted_units(query) for query in queries] if know_each_other else []
        return Concepts(queries, TextNull(np.concatenate([self.null.units[is_neutral], *own])))

    def test(self, units: Floats) -> ConceptTests:
        """Hold LoRAs against all of them, as `carlos_tasks.moderation.answers` does.

        Args:
            units: float32 (n, d), unit Directions.
        """
        null = self.null.scores(units)
        scores = [text_scores(query, units) for query in self.queries]
        held = [
            calibrated(score, null[:, self.null.is_neutral(query)])
            for score, query in zip(scores, self.queries, strict=True)
        ]
        p = np.stack([one.p for one in held], axis=1)
        q = false_discovery_q(p.ravel()).reshape(p.shape)
        return ConceptTests(np.stack(scores, axis=1), np.stack([one.z for one in held], axis=1), p, q)


@dataclass(frozen=True)
class Night:
    """What one night called; a share of none is 0 for false discoveries, and nan else.

    Attributes:
        n_called: how many tests were called.
        false_discoveries: share of the called that are wrong.
        power: share of what is there that was called.
        nulls_below: share of the nulls with a p-value below each of LEVELS.
    """

    n_called: int
    false_discoveries: float
    power: float
    nulls_below: tuple[float, ...]


def judged(tested: ConceptTests, truth: Mask) -> Night:
    """What was called of what is true, (n, m)."""
    called, nulls = tested.called, tested.p[~truth]
    n_called, n_true = int(called.sum()), int(truth.sum())
    return Night(
        n_called=n_called,
        false_discoveries=float((called & ~truth).sum() / max(n_called, 1)),
        power=float((called & truth).sum() / n_true) if n_true else float("nan"),
        nulls_below=tuple(float((nulls < level).mean()) for level in LEVELS),
    )


def held_out(
    concepts: Concepts, units: Floats, truth: Mask, n_halves: int, seed: int, *, know_each_other: bool
) -> list[Night]:
    """Test random halves of the concepts, each against a null without the wordings of its half.

    Args:
        concepts: m of them, m at least 2.
        units: float32 (n, d), unit Directions.
        truth: (n, m), which LoRA has what.
        n_halves, seed: how many, and from which seed.
        know_each_other: whether the concepts of a half are held against each other's texts.
    """
    rng = np.random.default_rng(seed)
    count = len(concepts.queries)
    halves = [np.sort(rng.choice(count, count // 2, replace=False)) for _ in range(n_halves)]
    held = [concepts.held_out(half.tolist(), know_each_other=know_each_other) for half in halves]
    return [judged(asked.test(units), truth[:, half]) for asked, half in zip(held, halves, strict=True)]


def nights(concepts: Concepts, known: Sequence[PromptSums], truth: Mask, n_nights: int, seed: int) -> list[Night]:
    """Draw the nights.

    Args:
        concepts: m of them.
        known: what each LoRA does, prompt by prompt; n of them.
        truth: (n, m), which LoRA has what.
        n_nights, seed: how many, and from which seed.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_nights):
        there, units = drawn_night(known, rng)
        found.append(judged(concepts.test(units), truth[there]))
    return found
