"""Concept scores against known effects: what is counted, on tests written by hand, and the sections on a small lake."""

import numpy as np
import pytest

from carlos_tasks.calibration.text_null import TextNull, text_query
from carlos_tasks.evaluation.calibration.concept_tests import Concepts, ConceptTests, held_out, judged, nights
from carlos_tasks.evaluation.calibration.concepts import by_concept
from carlos_tasks.retrieval.uncertainty import PromptSums

TRUTH = np.array([[True, False], [False, True], [False, False], [True, False]])


def held(q: list[list[float]]) -> ConceptTests:
    """Four LoRAs and two concepts; z falls as q rises, and p is a tenth of q."""
    values = np.array(q)
    return ConceptTests(score=-values, z=-values, p=values / 10, q=values)


def test_a_night_counts_what_was_called_wrongly_what_was_missed_and_the_nulls() -> None:
    night = judged(held([[0.05, 0.9], [0.08, 0.02], [0.9, 0.9], [0.3, 0.9]]), TRUTH)
    assert night.false_discoveries == pytest.approx(1 / 3)
    assert night.power == pytest.approx(2 / 3)
    assert night.nulls_below == pytest.approx((0, 1 / 5, 1 / 5, 1.0))


def test_a_night_that_calls_nothing_is_wrong_in_nothing() -> None:
    night = judged(held([[0.9] * 2] * 4), TRUTH)
    assert (night.false_discoveries, night.power) == (0, 0)


def test_the_table_pools_all_concepts_and_leaves_out_what_no_lora_has() -> None:
    found = held([[0.05, 0.9], [0.08, 0.02], [0.9, 0.9], [0.01, 0.9]])
    pooled, first = by_concept(["one", "none"], found, TRUTH & [True, False])
    assert (pooled["concept"], pooled["right"], pooled["nulls"], pooled["called"], pooled["false"]) == (
        "all, pooled",
        2,
        6,
        4,
        2,
    )
    assert first == {
        "concept": "one",
        "right": 2,
        "nulls": 2,
        "auroc": 1.0,
        "average_precision": 1.0,
        "called": 3,
        "false": 1,
        "power": 1.0,
    }


def test_nights_call_effects_and_leave_nulls_alone() -> None:
    rng = np.random.default_rng(3)
    effects = rng.normal(size=(3, 64)).astype(np.float32)
    neutral = rng.normal(size=(60, 64)).astype(np.float32)
    queries = [text_query("p", [str(n)], [], lambda text: effects[int(text)]) for n in range(3)]
    asked = Concepts(queries, TextNull(neutral / np.linalg.norm(neutral, axis=1, keepdims=True)))
    does = [0, 0, 1, 1, 2, None, None, None]
    known = []
    for what in does:
        own = rng.normal(size=64) if what is None else effects[what]
        sums = (own + 0.3 * rng.normal(size=(5, 64))).astype(np.float32)
        known.append(PromptSums(np.array([f"p{n}" for n in range(5)]), sums))
    truth = np.array([[what == n for n in range(3)] for what in does])
    drawn = nights(asked, known, truth, 40, 0)
    assert np.mean([night.false_discoveries for night in drawn]) < 0.1
    assert np.nanmean([night.power for night in drawn]) == 1
    assert nights(asked, known, truth, 2, 0) == nights(asked, known, truth, 2, 0)


def test_a_half_held_out_meets_a_null_that_knows_its_wordings_by_its_own_concepts_alone() -> None:
    axes = np.eye(4, dtype=np.float32)
    queries = [text_query("p", [str(n)], [], lambda text: axes[int(text)]) for n in range(3)]
    asked = Concepts(queries, TextNull(axes))
    alone, together = (asked.held_out([0, 2], know_each_other=known) for known in (False, True))
    np.testing.assert_array_equal(alone.null.units, axes[[1, 3]])
    np.testing.assert_array_equal(together.null.units, axes[[1, 3, 0, 2]])
    np.testing.assert_array_equal(together.null.is_neutral(queries[0]), [True, True, False, True])
    rng = np.random.default_rng(4)
    neutral = rng.normal(size=(40, 4)).astype(np.float32)
    asked = Concepts(queries, TextNull(neutral / np.linalg.norm(neutral, axis=1, keepdims=True)))
    drawn = held_out(asked, axes, np.eye(4, 3, dtype=bool), 6, 0, know_each_other=False)
    assert len(drawn) == 6
    assert drawn == held_out(asked, axes, np.eye(4, 3, dtype=bool), 6, 0, know_each_other=False)
