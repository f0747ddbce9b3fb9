"""A policy as data: the concepts that it speaks of, the neutral texts that scores are held against, and their versions.

A policy is a folder that a policy team edits (`policy_files` reads it); nothing in it is code. What a concept says
names its version, so that a decision can be told by the words it was made with.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carlos_tasks.policies.schema import HEAD, OTHER_EFFECTS, ConceptFile, PolicyHead


@dataclass(frozen=True)
class Concept:
    """A concept of a policy, with what the policy adds to its file.

    Attributes:
        content: what it says, by the column names of core.concept; pictures by their SHA-256.
        pictures: the files of the pictures.
        file: name of its file, for messages.
    """

    content: dict[str, Any]
    pictures: tuple[Path, ...]
    file: str

    @property
    def concept_id(self) -> str:
        """Id within the policy."""
        return str(self.content["concept_id"])

    @property
    def version(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of what it says."""
        return digest(self.content)

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts that show it; none for words that are only declared."""
        return tuple(self.content["texts"])

    @property
    def counter_texts(self) -> tuple[str, ...]:
        """Texts that are near it and are not meant."""
        return tuple(self.content["counter_texts"])


@dataclass(frozen=True)
class Policy:
    """A policy that was read and is sound: its concepts by id, and the neutral texts, each once."""

    head: PolicyHead
    concepts: tuple[Concept, ...]
    neutral_texts: tuple[str, ...]

    @property
    def null_texts(self) -> tuple[str, ...]:
        """What a score is held against: the neutral texts and those of all concepts, each once.

        A concept leaves its own out (`carlos_tasks.calibration.text_null`); those of the others are of its kind, which
        the neutral texts need not be.
        """
        texts = (text for concept in self.concepts for text in concept.texts)
        return tuple(dict.fromkeys((*self.neutral_texts, *texts)))

    @property
    def null_id(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of the texts of the null."""
        return digest(sorted(self.null_texts))


def concept_of(head: PolicyHead, file: ConceptFile, name: str, pictures: Sequence[Path] = ()) -> Concept:
    """A concept from its file, with the policy's defaults in their places.

    Args:
        head: policy.toml.
        file: the file as it is written.
        name: of the file.
        pictures: files of its reference pictures; they are hashed here.
    """
    own = file.model_dump(mode="json", exclude={"images"})
    given = {
        "q_max": head.q_max if file.q_max is None else file.q_max,
        "due_hours": head.due_hours if file.due_hours is None else file.due_hours,
        "owner": file.owner or head.owner,
        "images": sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in pictures),
        "images_provenance": file.images.provenance if file.images else None,
        "images_licence": file.images.licence if file.images else None,
    }
    return Concept(own | given, tuple(pictures), name)


def effect_words_of(head: PolicyHead) -> Concept:
    """The words for effects that no concept covers, as a concept that has no texts."""
    nothing = ("section", "images_provenance", "images_licence", "nsfw_level", "due_hours", "score_min", "category")
    content = dict.fromkeys(nothing) | {
        "concept_id": OTHER_EFFECTS,
        "title": "Effects that no concept covers",
        "texts": [],
        "counter_texts": [],
        "declared_as": list(head.effect_words),
        "images": [],
        "severity": 0.0,
        "q_max": head.q_max,
        "owner": head.owner,
    }
    return Concept(content, (), HEAD)


def digest(content: object) -> str:
    """First 12 hexadecimal digits of the SHA-256 of the canonical JSON of some content."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
