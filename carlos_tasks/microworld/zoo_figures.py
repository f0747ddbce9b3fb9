"""What the zoo's LoRAs do, measured without the lake: the model card's figures on LoRAs and retrieval.

The platform's own loader attaches them; `tests/generation` proves it against formulas worked out by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from carlos_tasks.arrays import Doubles
from carlos_tasks.generation.attach import attached
from carlos_tasks.microworld.encoder import Encoder
from carlos_tasks.microworld.figures import Representation, first_hit, represent
from carlos_tasks.microworld.ground_truth import PATH as GROUND_TRUTH
from carlos_tasks.microworld.modifiers import NO_MEAN_DIRECTION
from carlos_tasks.microworld.sampling import generate, load_pipeline
from carlos_tasks.microworld.zoo import FOLDER, file_bytes, specification

PROMPTS = FOLDER.parent / "prompts"
SEEDS = (0, 1, 2, 3)
SEPARATOR = ", "


def load_prompts(name: str) -> list[str]:
    """The texts of one prompt set."""
    document = json.loads((PROMPTS / f"{name}.json").read_text(encoding="utf-8"))
    return [prompt["text"] for prompt in document["prompts"]]


def ground_truth() -> dict[str, Any]:
    """``ground_truth.json``."""
    document: dict[str, Any] = json.loads(GROUND_TRUTH.read_text(encoding="utf-8"))
    return document


class Judge:
    """The backbone, the encoder and the baseline's features: represents one LoRA file after another."""

    def __init__(self, weights: Path) -> None:
        self.encoder, self.pipeline = Encoder(weights / "encoder"), load_pipeline(weights / "backbone")
        self.pairs = [(prompt, seed) for prompt in load_prompts("micro-indexing") for seed in SEEDS]
        self.base = self._features(self.pictures(()))

    def pictures(self, trigger_words: tuple[str, ...]) -> Tensor:
        """One picture per pair, in the pairs' order, with the trigger words behind every prompt."""
        prompts = [SEPARATOR.join((prompt, *trigger_words)) for prompt, _ in self.pairs]
        return generate(self.pipeline, prompts, [seed for _, seed in self.pairs])

    def represent(self, path: Path, trigger_words: tuple[str, ...]) -> Representation:
        """Direction, strength, consistency and retention of one file."""
        with attached(self.pipeline, path, scale=1.0):
            pictures = self.pictures(trigger_words)
        return represent(self.base, self._features(pictures))

    def _features(self, pictures: Tensor) -> Doubles:
        features: Doubles = self.encoder.images(pictures).double().numpy()
        return features


def represent_zoo(weights: Path) -> dict[int, Representation]:
    """Represent every file of the zoo that has pictures to compare, by file id."""
    judge = Judge(weights)
    status = {entry["file_id"]: entry["status"] for entry in ground_truth()["files"]}
    represented = {}
    for model in specification()["models"]:
        for version in model["versions"]:
            if status[version["file_id"]] in (None, "degenerate"):
                continue
            with _written(version) as path:
                represented[version["file_id"]] = judge.represent(path, tuple(version["trained_words"]))
    return represented


@contextmanager
def _written(version: dict[str, Any]) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "judged.safetensors"
        path.write_bytes(file_bytes(version))
        yield path


def zoo_rows(represented: dict[int, Representation]) -> list[tuple[object, ...]]:
    """One row per file: name, expected status, effects and measures."""
    names = {
        version["file_id"]: version["file"] for model in specification()["models"] for version in model["versions"]
    }
    rows: list[tuple[object, ...]] = []
    for entry in ground_truth()["files"]:
        if measured := represented.get(entry["file_id"]):
            effects = ", ".join(entry["effects"]) or "none"
            measures = (measured.strength, measured.consistency, measured.retention, measured.variety)
            rows.append((names[entry["file_id"]], entry["status"], effects, *measures))
    return rows


def measure_retrieval(encoder: Encoder, represented: dict[int, Representation]) -> list[tuple[object, ...]]:
    """How often the right effect comes first and among the first three, by wording.

    A LoRA is right if the effect is one of its effects. Effects without a mean direction have a row of their own.
    """
    files = {entry["file_id"]: entry for entry in ground_truth()["files"] if entry["status"] == "ok"}
    directions = {str(file_id): represented[file_id].direction for file_id in files}
    prompts = load_prompts("micro-retrieval")
    plain = encoder.texts(prompts).double().numpy()
    ranks: dict[str, list[int]] = {}
    for query in ground_truth()["queries"]:
        right = {str(file_id) for file_id, entry in files.items() if query["effect"] in entry["effects"]}
        asked = encoder.texts([f"{prompt} {query['text']}" for prompt in prompts]).double().numpy()
        rank = first_hit((asked - plain).mean(axis=0), directions, right)
        kind = f"{query['effect']} (apart)" if query["effect"] in NO_MEAN_DIRECTION else query["wording"]
        ranks.setdefault(kind, []).append(rank or len(files) + 1)
    return [
        (kind, len(found), sum(rank == 1 for rank in found) / len(found), sum(rank <= 3 for rank in found) / len(found))
        for kind, found in sorted(ranks.items())
    ]
