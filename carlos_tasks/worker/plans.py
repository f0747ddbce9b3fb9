"""Plans: which LoRAs wait for a profile, cut into batches, one manifest in object storage for each.

`plan` writes the manifests, `index_batch` measures the LoRAs of one, and `commit_index` looks up what became of all.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.store.keys import manifest_key, plan_prefix
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.store.sealed import read_sealed, write_sealed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoraTask:
    """One LoRA to index, as a plan's manifest states it: a row of `mart.backlog`.

    `measure_key` says what fixes its images beside the profile. `measured_as` names another LoRA with that key; its
    measurement is copied if it is there. `stated_scale` is that of core.lora. `at_least`: pairs that it is to have,
    though fewer settled it. Older manifests have none of these.
    """

    lora_id: str
    file_key: str
    trigger_words: tuple[str, ...]
    measure_key: str | None = None
    measured_as: str | None = None
    stated_scale: str | None = None
    at_least: int = 0


class Manifest(BaseModel):
    """The LoRAs that one task measures, the profile they are measured under, and its thresholds in force.

    Manifests of an older version name no thresholds; those of the profile hold then.
    """

    model_config = ConfigDict(frozen=True)

    profile_id: str
    loras: tuple[LoraTask, ...]
    thresholds: dict[str, float] | None = None


def cut(waiting: Iterable[LoraTask], size: int) -> Iterator[tuple[LoraTask, ...]]:
    """Cut a backlog into batches of `size` LoRAs, in its order.

    A LoRA stays in one batch with those that are copied from it, so that it is drawn when they come, and by no second
    worker; such a batch may be larger.
    """
    batch: list[LoraTask] = []
    for group in _groups(waiting):
        if batch and len(batch) + len(group) > size:
            yield tuple(batch)
            batch = []
        batch += group
    if batch:
        yield tuple(batch)


def _groups(waiting: Iterable[LoraTask]) -> Iterator[list[LoraTask]]:
    """Yield each LoRA with those behind it that are copied from it."""
    group: list[LoraTask] = []
    for task in waiting:
        if group and task.measured_as != group[0].lora_id:
            yield group
            group = []
        group.append(task)
    if group:
        yield group


def write_manifest(store: ObjectStore, plan_id: str, number: int, manifest: Manifest) -> str:
    """Store the manifest of one batch of a plan; returns its key."""
    key = manifest_key(plan_id, number)
    write_sealed(store, key, manifest.model_dump(mode="json"))
    return key


def read_manifest(store: ObjectStore, key: str) -> Manifest:
    """Read one manifest.

    Raises:
        NotFound: there is none.
        PermanentError: it is broken; the next plan writes it anew.
    """
    content = read_sealed(store, key)
    try:
        return Manifest.model_validate(content)
    except ValidationError as exc:
        raise PermanentError(f"{key} is no manifest of a plan: {exc.errors()[0]['msg']}") from exc


def manifests_of(store: ObjectStore, plan_id: str) -> Iterator[Manifest]:
    """Read every manifest of a plan; the LoRAs of one that is broken, or is gone, stay in the backlog."""
    for item in store.list(plan_prefix(plan_id)):
        try:
            yield read_manifest(store, item.key)
        except (NotFound, PermanentError) as exc:
            log.warning("the LoRAs of a batch stay in the backlog: %s", exc)
