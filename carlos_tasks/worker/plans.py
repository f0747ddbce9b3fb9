"""Plans: which LoRAs wait for a profile, cut into batches, one manifest in object storage for each.

`plan` writes the manifests, `index_batch` measures the LoRAs of one, and `commit_index` looks up what became of all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from carlos_tasks.store.objects import ObjectStore


@dataclass(frozen=True)
class LoraTask:
    """One LoRA to index, as a plan's manifest states it."""

    lora_id: str
    file_key: str
    trigger_words: tuple[str, ...]


class Manifest(BaseModel):
    """The LoRAs that one task measures, and the profile they are measured under."""

    model_config = ConfigDict(frozen=True)

    profile_id: str
    loras: tuple[LoraTask, ...]


def write_manifest(store: ObjectStore, plan_id: str, number: int, manifest: Manifest) -> str:
    """Store the manifest of one batch of a plan; returns its key."""
    key = f"plans/{plan_id}/{number:04d}.json"
    store.write(key, manifest.model_dump_json().encode())
    return key


def read_manifest(store: ObjectStore, key: str) -> Manifest:
    """Read one manifest; NotFound where there is none."""
    return Manifest.model_validate_json(store.read(key))


def manifests_of(store: ObjectStore, plan_id: str) -> Iterator[Manifest]:
    """Read every manifest of a plan."""
    return (read_manifest(store, item.key) for item in store.list(f"plans/{plan_id}/"))
