"""Copying a measurement: files that differ in their metadata only draw the same pictures, which takes hours.

The plan names a LoRA with the same `core.measure_key` (`mart.backlog`), measured in another night or just before in the
same batch. Its kept images hold nothing of its id but in their keys, and its shards only in their footers; with this
LoRA's id there, their bytes are those that this LoRA would get.
"""

import logging
import time
from datetime import UTC, datetime

from carlos_tasks.errors import DamagedObject, NotFound
from carlos_tasks.lake.evidence import image_keys
from carlos_tasks.lake.outcomes import OutcomeRecord, read_outcome
from carlos_tasks.lake.shards import ShardFile, UnreadableShard, identity_of, read_shard, shard_file, table_bytes
from carlos_tasks.store.keys import evidence_prefix, outcome_key, parse_shard_key, shard_key
from carlos_tasks.store.objects import ObjectStore
from carlos_tasks.version import __version__
from carlos_tasks.worker.plans import LoraTask

log = logging.getLogger(__name__)


def copy_measured(store: ObjectStore, profile_id: str, task: LoraTask) -> OutcomeRecord | None:
    """Copy the shards and kept images of the LoRA that `task.measured_as` names under this LoRA's own keys.

    Killed and run again, it copies the same bytes to the same keys.

    Returns:
        The outcome, which the caller has yet to write; None where the LoRA is to be measured: the plan names none, or
        what it names failed, was measured with something else, or is not all there and whole.
    """
    started = time.monotonic()
    if task.measured_as is None:
        return None
    try:
        other = read_outcome(store, outcome_key(profile_id, task.measured_as), profile_id)
        if not _may_be_copied(other, task):
            return None
        shards = _copy_objects(store, other, task.lora_id)
    except (NotFound, DamagedObject, UnreadableShard) as exc:
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


def _may_be_copied(other: OutcomeRecord, task: LoraTask) -> bool:
    """Whether another LoRA was measured with all that fixes this one's images.

    Why one failed may lie with a machine, so a failure is not copied. That no layer matches lies with the tensors.
    """
    return other.status != "failed" and task.measure_key is not None and other.measure_key == task.measure_key


def _copy_objects(store: ObjectStore, other: OutcomeRecord, lora_id: str) -> tuple[ShardFile, ...]:
    """Copy kept images, then shards, as a worker writes them; all shards are read before anything is written."""
    profile_id = other.profile_id
    shards = {
        key: data
        for file in other.shards
        for key, data in [_renamed(file, store.read(file.key), shard_key(profile_id, lora_id, _number(file.key)))]
    }
    for key in image_keys(store, profile_id, [other.lora_id])[other.lora_id].values():
        store.copy(key, evidence_prefix(profile_id, lora_id) + key.rpartition("/")[2])
    for key, data in shards.items():
        store.write(key, data)
    return tuple(shard_file(key, data) for key, data in shards.items())


def _number(key: str) -> int:
    return parse_shard_key(key)[2]


def _renamed(file: ShardFile, data: bytes, key: str) -> tuple[str, bytes]:
    """The shard under another LoRA's key: its rows, and that LoRA in its footer.

    Raises:
        UnreadableShard: it does not have the bytes that its outcome names, or is not the shard of its key.
    """
    if file.sha256 is not None and shard_file(file.key, data) != file:
        raise UnreadableShard(f"{file.key} does not have the bytes that its outcome names")
    table, identity = read_shard(data)
    if identity is not None and identity != identity_of(file.key, table):
        raise UnreadableShard(f"{file.key} is not the shard of its key")
    return key, table_bytes(key, table)
