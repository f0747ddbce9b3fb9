"""Copying a measurement: files that differ in their metadata only draw the same pictures, which takes hours.

The plan names a LoRA with the same `core.measure_key` (`mart.backlog`), measured in another night or just before in the
same batch. Its embedding shards and kept images hold nothing of its id but in their keys, so their bytes are those that
this LoRA would get.
"""

import logging
import time
from datetime import UTC, datetime

from carlos_tasks.errors import NotFound
from carlos_tasks.lake.evidence import image_keys
from carlos_tasks.lake.outcomes import OutcomeRecord, read_outcome
from carlos_tasks.store.keys import evidence_prefix, outcome_key, parse_shard_key, shard_key, shard_prefix
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.version import __version__
from carlos_tasks.worker.plans import LoraTask

log = logging.getLogger(__name__)


def copy_measured(store: ObjectStore, profile_id: str, task: LoraTask) -> OutcomeRecord | None:
    """Copy the shards and kept images of the LoRA that `task.measured_as` names under this LoRA's own keys.

    Killed and run again, it copies the same bytes to the same keys.

    Returns:
        The outcome, which the caller has yet to write; None where the LoRA is to be measured: the plan names none, or
        what it names failed, was measured with something else, or is not all there.
    """
    started = time.monotonic()
    if task.measured_as is None:
        return None
    try:
        other = read_outcome(store, outcome_key(profile_id, task.measured_as), profile_id)
        if not _may_be_copied(store, other, task):
            return None
        shards = _copy_objects(store, other, task.lora_id)
    except NotFound as exc:
        log.warning("%s is measured, since %s cannot be copied: %s", task.lora_id[:12], task.measured_as[:12], exc)
        return None
    return other.model_copy(
        update={
            "lora_id": task.lora_id,
            "shards": shards,
            "seconds": round(time.monotonic() - started, 3),
            "attempted_at": datetime.now(UTC),
            "code_version": __version__,
            "copied_from": other.copied_from or other.lora_id,
        }
    )


def _may_be_copied(store: ObjectStore, other: OutcomeRecord, task: LoraTask) -> bool:
    """Whether another LoRA was measured with all that fixes this one's images, and its shards are there.

    Why one failed may lie with a machine, so a failure is not copied. That no layer matches lies with the tensors.
    """
    if other.status == "failed" or task.measure_key is None or other.measure_key != task.measure_key:
        return False
    there = {item.key for item in store.list(shard_prefix(other.profile_id, other.lora_id))}
    return there.issuperset(other.shards)


def _copy_objects(store: ObjectStore, other: OutcomeRecord, lora_id: str) -> tuple[str, ...]:
    """Copy kept images, then shards, as a worker writes them; returns the keys of the new shards."""
    profile_id = other.profile_id
    for key in image_keys(store, profile_id, [other.lora_id])[other.lora_id].values():
        store.copy(key, evidence_prefix(profile_id, lora_id) + key.rpartition("/")[2])
    copies = {source: shard_key(profile_id, lora_id, parse_shard_key(source)[2]) for source in other.shards}
    for source, key in copies.items():
        store.copy(source, key)
    return tuple(copies.values())
