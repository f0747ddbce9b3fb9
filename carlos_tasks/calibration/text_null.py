"""The null of a question by texts: what a LoRA scores with texts that mean nothing in particular.

The texts are a policy's neutral ones and those of its concepts: to a concept, the others are examples of its kind. A
text that says what is asked about is no example of something else, and is left out for that question: one of its own,
and one whose vector has a cosine of SAME_COSINE or more with what is wanted. In the micro world that takes out the
wordings of the same effect, and no others (docs/decisions/0019-a-score-is-held-against-neutral-texts.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Doubles, Floats, Mask
from carlos_tasks.calibration.null import Calibrated, calibrated
from carlos_tasks.errors import CarlosError, PassingError, SettingsError
from carlos_tasks.retrieval.query import Part, Query

Encode = Callable[[str], Floats]

#: From this cosine on, a neutral text says what is asked about.
SAME_COSINE = 0.8
# Vectors of one text, rounded: nothing else comes so near.
_SAME_TEXT = 1 - 1e-5


@dataclass(frozen=True, eq=False)
class TextNull:
    """Neutral texts as unit vectors: float32 (K, d)."""

    units: Floats

    def is_neutral(self, query: Query) -> Mask:
        """Which of the texts say something else than what a query wants: (K,)."""
        is_own = (self.units @ wanted_units(query).T > _SAME_TEXT).any(axis=1)
        return np.asarray((self.units @ query.matrix[:, 0] < SAME_COSINE) & ~is_own)

    def scores(self, directions: Floats) -> Floats:
        """The null scores of LoRAs, before any text is left out.

        Args:
            directions: float32 (n, d), unit vectors.

        Returns:
            float32 (n, K).
        """
        return np.asarray(directions @ self.units.T)


def text_null(texts: Sequence[str], encode: Encode) -> TextNull:
    """Encode neutral texts.

    Raises:
        CarlosError: the encoder refuses one of them; the message names it.
    """
    return TextNull(_units([encode_named(text, encode, "the neutral text") for text in texts]))


def text_query(profile_id: str, texts: Sequence[str], counter_texts: Sequence[str], encode: Encode) -> Query:
    """A question by texts: each wanted alike, and each counter-text not wanted, by its share of all of them.

    Raises:
        CarlosError: the encoder refuses a text, or the texts cancel each other.
    """
    wanted = [Part(text, 1.0, encode_named(text, encode, "the text")) for text in texts]
    unwanted = [
        Part(text, -1.0 / len(counter_texts), encode_named(text, encode, "the counter-text")) for text in counter_texts
    ]
    return Query(profile_id, (*wanted, *unwanted))


def wanted_units(query: Query) -> Floats:
    """The texts that a question wants, as unit vectors: float32 (w, d)."""
    return _units([part.vector for part in query.parts if part.weight > 0])


def text_scores(query: Query, directions: Floats) -> Doubles:
    """Scores of LoRAs with a question by texts.

    Args:
        query: as of `text_query`.
        directions: float32 (n, d), unit vectors.

    Returns:
        float64 (n,).
    """
    return np.asarray(query.score(directions @ query.matrix[:, : query.n_scored]), dtype=np.float64)


def against_texts(query: Query, directions: Floats, null: TextNull) -> Calibrated:
    """Hold the scores of LoRAs against neutral texts; as `text_scores`, for few LoRAs or one question."""
    return calibrated(text_scores(query, directions), null.scores(directions)[:, null.is_neutral(query)])


def encode_named(text: str, encode: Encode, what: str) -> Floats:
    """The vector of a text; a refusal names the text. An encoder that cannot be loaded is no fault of the text."""
    try:
        return encode(text)
    except (PassingError, SettingsError):
        raise
    except CarlosError as exc:
        raise CarlosError(f"{what} {text!r} cannot be asked for: {exc}") from exc


def _units(vectors: Sequence[Floats]) -> Floats:
    rows = np.array(vectors, dtype=np.float64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
