"""What a policy asks of every LoRA: each concept by its texts, and by its pictures where it has some.

A question is known by its ids before anything is encoded, so that a night without news loads no encoder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.calibration.measured import Measured
from carlos_tasks.calibration.similarity import Field, centred, null_draw, null_of
from carlos_tasks.calibration.text_null import Encode, TextNull, text_null, text_query, text_scores
from carlos_tasks.errors import CarlosError, PassingError, SettingsError
from carlos_tasks.policies.policy import Concept, Policy, digest
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.query_parts import image_part
from carlos_tasks.settings import Settings

Basis = Literal["texts", "images"]


@dataclass(frozen=True)
class QuestionKey:
    """A question by its ids; `null_id` is None where another draw of the null changes nothing that matters."""

    concept: Concept
    basis: Basis
    null_id: str | None


@dataclass(frozen=True, eq=False)
class Question:
    """A question that LoRAs can be held against.

    Attributes:
        asked: its ids.
        scores: unit Directions, float32 or float64 (n, d), to scores, float64 (n,).
        null: numbers of LoRAs, (r,), to the null scores of its basis, float32 (r, K); nan: none.
        counts: which of the K belong to this question's null.
    """

    asked: QuestionKey
    scores: Callable[[NDArray[np.floating]], Doubles]
    null: Callable[[NDArray[np.intp]], Floats]
    counts: Mask


def questions_of(policy: Policy, profile: Profile) -> list[QuestionKey]:
    """Every question of a policy to the LoRAs of a profile: by texts first, then by pictures.

    An imported profile has no baseline that pictures could be compared with, and is asked by texts alone. One whose
    encoder reads no text is asked by pictures alone.
    """
    asked = []
    if profile.identity.encoder.reads_text:
        asked = [QuestionKey(concept, "texts", policy.null_id) for concept in policy.concepts if concept.texts]
    if profile.origin == "imported":
        return asked
    return asked + [QuestionKey(concept, "images", None) for concept in policy.concepts if concept.pictures]


def text_questions(
    asked: Sequence[QuestionKey], policy: Policy, profile_id: str, encode: Encode, units: Floats
) -> list[Question]:
    """Questions by texts, held against the null of the policy.

    Args:
        asked: which.
        policy: whose null.
        profile_id: whose Directions.
        encode: a text to its query vector.
        units: float32 (n, d), the Directions that the nulls are of.

    Raises:
        CarlosError: the encoder refuses a text; the message names file and text.
    """
    queries = []
    for one in asked:
        try:
            queries.append(text_query(profile_id, one.concept.texts, one.concept.counter_texts, encode))
        except (PassingError, SettingsError):
            raise
        except CarlosError as exc:
            raise CarlosError(f"{one.concept.file}: {exc}") from exc
    # After the concepts, whose texts are in it: what is refused is told with its file.
    null = text_null(policy.null_texts, encode)
    of_loras = partial(_of_rows, null, units)
    return [
        Question(one, partial(text_scores, query), of_loras, null.is_neutral(query))
        for one, query in zip(asked, queries, strict=True)
    ]


def image_questions(
    asked: Sequence[QuestionKey],
    con: duckdb.DuckDBPyConnection,
    profile: Profile,
    settings: Settings,
    measured: Measured,
) -> list[Question]:
    """Questions by pictures, held against what other LoRAs do (`carlos_tasks.calibration.similarity`).

    Args:
        asked: which.
        con: the lake, for the baseline.
        profile: whose encoder reads the pictures.
        settings: the device.
        measured: the LoRAs of the profile.

    Raises:
        CarlosError: a picture cannot be used any more; the message names file and picture.
    """
    field, drawn = measured.field, null_draw(len(measured.loras))
    null_id = digest([measured.lora_ids[number] for number in drawn])
    of_loras = partial(_of_others, field, drawn)
    counts = np.ones(len(drawn), bool)
    questions = []
    for one in asked:
        try:
            reference = image_part(con, profile, one.concept.pictures, 1.0, settings).vector
        except CarlosError as exc:
            raise CarlosError(f"{one.concept.file}: {exc}") from exc
        scores = partial(_similarities, centred(reference.astype(np.float64), field.shared), field)
        questions.append(Question(replace(one, null_id=null_id), scores, of_loras, counts))
    return questions


def _of_rows(null: TextNull, units: Floats, rows: NDArray[np.intp]) -> Floats:
    return null.scores(units[rows])


def _of_others(field: Field, drawn: NDArray[np.intp], rows: NDArray[np.intp]) -> Floats:
    return null_of(field, rows, drawn)


def _similarities(reference: Doubles, field: Field, directions: NDArray[np.floating]) -> Doubles:
    return np.asarray(centred(directions, field.shared) @ reference)
