"""Queries whose right answers are known: which effects a LoRA has, and which effect a query asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, Field, ValidationError, field_validator

from carlos_tasks.arrays import Mask
from carlos_tasks.errors import CarlosError, NotFound


class Query(BaseModel):
    """A text, the effect that it asks for, and the kind of wording by which results are told apart."""

    text: str
    effect: str = Field(min_length=1)
    wording: str = "all"

    @field_validator("text")
    @classmethod
    def _text_says_something(cls, value: str) -> str:
        text = " ".join(value.split())
        if not text:
            raise ValueError("the text is empty")
        return text


class LabelledFile(BaseModel):
    """A LoRA, the effects it has, and whether its listing declares another one."""

    sha256: str
    effects: tuple[str, ...]
    mislabelled: bool = False


class _TruthFile(BaseModel):
    files: tuple[LabelledFile, ...] = Field(min_length=1)
    queries: tuple[Query, ...] = Field(min_length=1)


class Labels(NamedTuple):
    """What is known: queries, the effects of each lora_id, and the LoRAs whose listing declares another effect."""

    queries: tuple[Query, ...]
    effects: dict[str, frozenset[str]]
    mislabelled: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Truth:
    """Queries with at least one right answer among the LoRAs that were read.

    Attributes:
        queries: what is asked.
        relevant: (n_queries, n_loras), whether a LoRA has the effect that a query asks for.
        n_without_answer: queries that were left out, since no LoRA of the lake has their effect.
        mislabelled: LoRAs of the lake whose listing declares an effect that they do not have.
    """

    queries: tuple[Query, ...]
    relevant: Mask
    n_without_answer: int
    mislabelled: frozenset[str] = frozenset()

    @property
    def wordings(self) -> list[str]:
        """Kinds of wording, in the order in which they first occur."""
        return list(dict.fromkeys(query.wording for query in self.queries))

    @cached_property
    def labels(self) -> list[frozenset[str]]:
        """The effects of each LoRA, of those that are asked for."""
        effects = np.array([query.effect for query in self.queries])
        return [frozenset(map(str, effects[column])) for column in self.relevant.T]

    @property
    def effects(self) -> list[str]:
        """Effects that are asked for, in the order in which they first occur."""
        return list(dict.fromkeys(query.effect for query in self.queries))


def read_truth(path: Path) -> Labels:
    """Read a file of queries and labelled LoRAs.

    Args:
        path: JSON as microworld/ground_truth.json: `files` of `sha256`, `effects` and, if wanted, `mislabelled`;
            `queries` of `text`, `effect` and, if wanted, `wording`. What else stands in it is ignored.

    Raises:
        NotFound: there is no such file.
        CarlosError: it is not of that form; the message names the first field that is wrong.
    """
    try:
        read = _TruthFile.model_validate_json(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError) as exc:
        raise NotFound(f"there is no file of queries at {path}") from exc
    except OSError as exc:
        raise CarlosError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        fault = exc.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "the whole"
        raise CarlosError(f"{path} is no file of queries: {place}: {fault['msg']} (docs/evaluation.md)") from exc
    effects: dict[str, frozenset[str]] = {}
    for file in read.files:
        effects[file.sha256] = effects.get(file.sha256, frozenset()) | frozenset(file.effects)
    return Labels(read.queries, effects, frozenset(file.sha256 for file in read.files if file.mislabelled))


def judge(labels: Labels, lora_ids: Sequence[str], measured: Mask) -> Truth | None:
    """Match queries with the LoRAs of a lake.

    Args:
        labels: what is known; a LoRA that is not named has no effect.
        lora_ids: the LoRAs of the lake, n of them.
        measured: (n,), which of them have a Direction: others are no right answer.

    Returns:
        What can be judged, or None where no query has an answer in this lake.
    """
    queries, effects, mislabelled = labels
    nothing: frozenset[str] = frozenset()
    having = [effects.get(lora_id, nothing) if measured[n] else nothing for n, lora_id in enumerate(lora_ids)]
    relevant = np.array([[query.effect in found for found in having] for query in queries], bool)
    answered = np.asarray(relevant.any(axis=1))
    if not answered.any():
        return None
    kept = tuple(query for query, is_kept in zip(queries, answered, strict=True) if is_kept)
    return Truth(kept, relevant[answered], int((~answered).sum()), mislabelled & frozenset(lora_ids))


def shipped_truth(lora_ids: Sequence[str], measured: Mask) -> Truth | None:
    """The micro world's queries, as `judge`; None where none of its LoRAs is in the lake.

    The one effect that has no mean direction there is a wording of its own.
    """
    from carlos_tasks.microworld.ground_truth import PATH

    truth = judge(read_truth(PATH), lora_ids, measured)
    if truth is None:
        return None
    # Imported no sooner: it brings torch, which a lake of other LoRAs may be without.
    from carlos_tasks.microworld.modifiers import NO_MEAN_DIRECTION

    queries = [
        q.model_copy(update={"wording": q.effect}) if q.effect in NO_MEAN_DIRECTION else q for q in truth.queries
    ]
    return replace(truth, queries=tuple(queries))
