"""The section `weights` on sketches made by hand, whose likeness is known."""

from dataclasses import replace

import numpy as np
import pytest

from carlos_tasks.evaluation.corpus.corpus import Corpus
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.evaluation.weights.agreement import agreement, auroc
from carlos_tasks.evaluation.weights.described import Described, described
from carlos_tasks.evaluation.weights.guesses import WAYS, guesses
from carlos_tasks.evaluation.weights.order import orders, unknown_first
from carlos_tasks.evaluation.weights.weights import TITLES, weights
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lora.sketch.sketch import SIZE, VERSION
from tests.evaluation.conftest import World
from tests.evaluation.small_world import EFFECTS, N_EACH, lora_id


def made_up(n_effects: int = 4, n_each: int = 3, noise: float = 0.1) -> Described:
    """Trainings of some effects: near by output and by Direction, and told by nothing in the change."""
    rng = np.random.default_rng(0)
    effects = np.repeat(np.arange(n_effects), n_each)
    of_effect = rng.normal(size=(n_effects, 40))
    vectors = {
        "change": rng.normal(size=(len(effects), 4000)),
        "output": of_effect[effects] + noise * rng.normal(size=(len(effects), 40)),
        "direction": of_effect[effects] + noise * rng.normal(size=(len(effects), 40)),
    }
    units = {name: rows / np.linalg.norm(rows, axis=1, keepdims=True) for name, rows in vectors.items()}
    return Described(
        numbers=np.arange(len(effects)),
        effects=[frozenset({f"effect {number}"}) for number in effects],
        cosines={name: rows @ rows.T for name, rows in units.items()},
        units=units["direction"].astype(np.float32),
    )


def test_what_tells_effects_has_an_auroc_of_one_and_what_does_not_a_half() -> None:
    rows = {row["compared_by"]: row for row in agreement(made_up(), 100, 0)}
    assert rows["output"]["auroc"] == rows["direction"]["auroc"] == 1.0
    assert rows["output"]["nearest_shares_effect"] == 1.0
    assert rows["change"]["auroc"] == pytest.approx(0.5, abs=0.15)
    assert rows["change"]["auroc_low"] < 0.5 < rows["change"]["auroc_high"]
    assert rows["chance"]["nearest_shares_effect"] == pytest.approx(2 / 11)
    assert rows["output"]["nearest_direction_cosine"] > 0.9 > rows["change"]["nearest_direction_cosine"]


def test_one_training_in_two_forms_is_no_pair() -> None:
    found = made_up()
    found.cosines["change"][0, 1] = found.cosines["change"][1, 0] = 0.97
    assert not found.is_other_training[0, 1]
    assert found.is_other_training.sum() == 12 * 11 - 2
    found.cosines["output"][0, 1] = found.cosines["output"][1, 0] = 0.0
    assert {row["compared_by"]: row["auroc"] for row in agreement(found, 50, 0)}["output"] == 1.0


def test_auroc_counts_pairs_once_and_ties_half() -> None:
    cosines = np.array([[1.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.0]])
    same = np.array([[False, False, False], [False, False, True], [False, True, False]])
    pairs = np.triu(np.ones((3, 3), bool), 1)
    assert auroc(cosines, same, pairs, 0, 0)[0] == 0.5  # above one of the two others
    assert auroc(cosines, ~same, pairs & False, 0, 0) == (None, None, None)


def test_guesses_are_made_of_other_trainings() -> None:
    rows = {row["guessed_from"]: row for row in guesses(made_up(noise=0.05), 100, 0)}
    assert list(rows) == list(WAYS)
    assert rows["the nearest"]["cosine"] > 0.99
    assert rows["the 3 nearest"]["cosine"] > 0.95
    assert rows["the mean of all"]["cosine"] < rows["ridge regression"]["cosine"]
    assert rows["the nearest"]["share_above_0.9"] == 1.0


def test_what_is_near_to_one_before_it_is_put_behind() -> None:
    near = np.zeros((4, 4), bool)
    near[0, 2] = near[2, 0] = True
    assert unknown_first(np.array([2, 0, 1, 3]), near).tolist() == [2, 1, 3, 0]
    assert unknown_first(np.array([0, 1, 2, 3]), near).tolist() == [0, 1, 3, 2]


def test_with_perfect_likeness_as_many_are_measured_as_there_are_effects() -> None:
    found = made_up()
    near = found.shares_effect & ~np.eye(12, dtype=bool)
    rows = {row["order"]: row for row in orders(found, near, 30, 0)}
    assert rows["near to nothing known first"]["n_until_100%"] == 4
    assert rows["arrival"]["n_until_100%"] > 5


def test_the_section_reads_the_lake(world: World, corpus: Corpus, study: Study, study_without_truth: Study) -> None:
    assert [section.left_out != "" for section in weights(study)] == [True] * len(TITLES)
    assert [section.left_out != "" for section in weights(study_without_truth)] == [True] * len(TITLES)
    rng = np.random.default_rng(1)
    of_effect = {effect: rng.normal(size=SIZE) for effect in EFFECTS}
    with connect(world.settings, read_only=False) as con:
        con.execute("begin")
        for effect in EFFECTS:
            for number in range(N_EACH):
                output = np.rint(20 * (of_effect[effect] + rng.normal(size=SIZE))).clip(-127, 127).astype(np.int8)
                change = rng.integers(-127, 128, SIZE).astype(np.int8)
                con.execute(
                    "insert into core.weight_sketch values ($1, 'micro-xl', $2, null, 1, 1.0, $3, $4, now())",
                    [lora_id(effect, number), VERSION, change.tobytes(), output.tobytes()],
                )
        asking = replace_connection(study, con)
        found = described(asking)
        assert found is not None
        assert len(found.numbers) == N_EACH * len(EFFECTS)
        assert {name: own.shape for name, own in found.cosines.items()} == dict.fromkeys(
            ("change", "output", "direction"), (10, 10)
        )
        tables = {section.name: section for section in weights(asking)}
        con.execute("rollback")
    assert list(tables) == list(TITLES)
    told = {row["compared_by"]: row["auroc"] for row in tables["weights"].rows}
    assert told["output"] == 1.0


def replace_connection(study: Study, con: object) -> Study:
    other = Study(study.con, study.corpus, study.truth, replace(study.options), study.device)
    other.con = con  # type: ignore[assignment]
    return other
