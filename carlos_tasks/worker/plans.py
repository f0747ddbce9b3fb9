"""Plans: which LoRAs wait for a profile, cut into batches, one manifest in object storage for each.

`plan` writes the manifests, `index_batch` measures the LoRAs of one, and `commit_index` looks up what became of all.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from pydantic import BaseModel, ConfigDict, ValidationError

from carlos_tasks.errors import NotFound, PermanentError
from carlos_tasks.store.keys import manifest_key, plan_prefix
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.store.sealed import read_sealed, write_sealed
from carlos_tasks.threads import at_once

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
    """The LoRAs that one task measures, the profile they are measured under, and those that share its images (`also`).

    `thresholds`: those in force, by profile_id and name. Manifests of an older version name none; those that the
    profiles ship with hold then.
    """

    model_config = ConfigDict(frozen=True)

    profile_id: str
    loras: tuple[LoraTask, ...]
    also: tuple[str, ...] = ()
    thresholds: dict[str, dict[str, float]] = {}


Batches = list[tuple[LoraTask, ...]]


def cut_all(waiting: Mapping[str, Sequence[LoraTask]], size: int, most: int) -> dict[str, Batches]:
    """Cut the backlog of every profile into batches of one size.

    Args:
        waiting: LoRAs by profile. most: batches of all profiles together, one a profile at least.
        size: LoRAs in a batch, where no more than `most` come of it; else it grows until they do.
    """
    batches = {name: list(cut(loras, size)) for name, loras in waiting.items()}
    while sum(map(len, batches.values())) > max(most, len(waiting)):
        size = ceil(1.25 * size)
        batches = {name: list(cut(loras, size)) for name, loras in waiting.items()}
    return batches


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


def write_manifests(store: ObjectStore, plan_id: str, manifests: Sequence[Manifest]) -> list[str]:
    """Store the manifests of a plan's batches, several at once; returns their keys in the same order."""
    keys = [manifest_key(plan_id, number) for number in range(len(manifests))]
    with at_once() as each:
        list(
            each(
                lambda one: write_sealed(store, one[0], one[1].model_dump(mode="json")),
                zip(keys, manifests, strict=True),
            )
        )
    return keys


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


def manifests_of(store: ObjectStore, plan_id: str, profile_id: str) -> list[Manifest]:
    """Read the manifests of a plan that are for a profile; the LoRAs of one that cannot be read stay in the backlog."""
    keys = [item.key for item in store.list(plan_prefix(plan_id))]
    with at_once() as each:
        found = list(each(lambda key: _read_or_leave(store, key), keys))
    return [
        manifest for manifest in found if manifest is not None and profile_id in {manifest.profile_id, *manifest.also}
    ]


def _read_or_leave(store: ObjectStore, key: str) -> Manifest | None:
    try:
        return read_manifest(store, key)
    except (NotFound, PermanentError) as exc:
        log.warning("the LoRAs of a batch stay in the backlog: %s", exc)
        return None
