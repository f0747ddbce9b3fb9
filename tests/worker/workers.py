"""What tests of the worker share: a store that dies, a pipeline that keeps its prompts, LoRAs put in place."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from carlos_tasks.lake.outcomes import OutcomeRecord
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.worker.plans import LoraTask


class Killed(BaseException):
    """What a kill −9 does to a process, as far as one process can show it: no handler runs."""


class DyingStore:
    """A store in front of another one; the worker dies at its n-th write."""

    def __init__(self, store: ObjectStore, dies_at_write: int) -> None:
        self._store = store
        self._left = dies_at_write

    def write(self, key: str, data: bytes) -> None:
        self._count()
        self._store.write(key, data)

    def copy(self, source: str, key: str) -> None:
        self._count()
        self._store.copy(source, key)

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Listening:
    """A pipeline that keeps the prompts it draws."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self.prompts: list[str] = []

    def __call__(self, **arguments: Any) -> Any:
        self.prompts += arguments["prompt"]
        return self._pipeline(**arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)


def put(store: ObjectStore, path: Path, words: tuple[str, ...] = ()) -> LoraTask:
    lora_id = path.stem.replace("_", "-")
    store.upload(path, f"files/{lora_id}.safetensors")
    return LoraTask(lora_id, f"files/{lora_id}.safetensors", words)


def content(store: ObjectStore) -> dict[str, bytes]:
    """Everything in the store but the clock."""
    kept = {item.key: store.read(item.key) for item in store.list()}
    for key, data in kept.items():
        if key.startswith("outcomes/") and data.startswith(b"{"):
            outcome = json.loads(data)
            kept[key] = json.dumps({**outcome, "seconds": 0, "attempted_at": ""}).encode()
    return kept


def keys(outcome: OutcomeRecord) -> list[str]:
    """The keys of its shards."""
    return [file.key for file in outcome.shards]


def embeddings(store: ObjectStore, shards: Sequence[str]) -> dict[tuple[str, int], list[float]]:
    rows = [row for key in shards for row in pq.read_table(io.BytesIO(store.read(key))).to_pylist()]
    return {(row["prompt_id"], row["seed"]): row["embedding"] for row in rows}
