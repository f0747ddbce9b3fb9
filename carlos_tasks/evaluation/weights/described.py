"""The LoRAs of a study whose weights are described, with their cosines by weights and by Direction."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.evaluation.corpus.study import Study
from carlos_tasks.lake.faults import lake_errors
from carlos_tasks.lake.statements import statement
from carlos_tasks.lora.sketch.sketch import SIZE, VERSION

#: From this cosine of the weight changes on, two files are copies, or one went on from the other (core.weights_kind).
ONE_TRAINING = 0.2


@dataclass(frozen=True, eq=False)
class Described:
    """LoRAs with a Direction and a sketch.

    Attributes:
        numbers: (n,), which LoRAs of the corpus.
        effects: the effects of each, of those that are asked for.
        cosines: by change, output and direction: float64 (n, n).
        units: float32 (n, d), Directions at length 1.
    """

    numbers: NDArray[np.intp]
    effects: list[frozenset[str]]
    cosines: dict[str, Doubles]
    units: Floats

    @cached_property
    def is_other_training(self) -> Mask:
        """Which pairs are of two trainings: (n, n). What is one LoRA in two forms tells nothing of likeness."""
        return (self.cosines["change"] < ONE_TRAINING) & ~np.eye(len(self.numbers), dtype=bool)

    @cached_property
    def shares_effect(self) -> Mask:
        """Which pairs share an effect: (n, n)."""
        names = sorted(frozenset().union(*self.effects))
        has = np.array([[name in own for name in names] for own in self.effects], float).reshape(len(self.effects), -1)
        return np.asarray(has @ has.T > 0)


def described(study: Study) -> Described | None:
    """Read the sketches of a study's LoRAs; None where fewer than three have one, or nothing is known of effects."""
    if study.truth is None:
        return None
    corpus = study.corpus
    wanted = {"version": VERSION, "base_model": corpus.profile.identity.backbone.base_model}
    with lake_errors():
        found = study.con.execute(statement("ask/evaluation/weight_sketches"), wanted).fetchall()
    vectors = {lora_id: (change, output) for lora_id, change, output in found}
    has_sketch = np.array([lora_id in vectors for lora_id in corpus.lora_ids], bool)
    numbers = study.sample(corpus.has_direction & has_sketch)
    if len(numbers) < 3:
        return None
    ids = [corpus.lora_ids[number] for number in numbers]
    units = corpus.units[numbers]
    cosines = {
        name: _cosines(np.frombuffer(b"".join(vectors[i][place] for i in ids), np.int8).reshape(-1, SIZE))
        for place, name in enumerate(("change", "output"))
    }
    cosines["direction"] = np.asarray(units @ units.T, np.float64)
    labels = study.truth.labels
    return Described(numbers, [labels[number] for number in numbers], cosines, units)


def _cosines(vectors: NDArray[np.int8]) -> Doubles:
    units = vectors.astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    found: Doubles = units @ units.T
    return found
