"""What lies at a shard's key already: kept where it is whole, made again where it is not.

A retry finds the shards of the try before. Nothing is trusted for lying there: a shard's footer says whose it is and
hashes its rows, so a cut, changed or foreign one is told without anything beside it.
"""

import logging
from collections.abc import Collection

from carlos_tasks.errors import DamagedObject, NotFound
from carlos_tasks.lake.outcomes import OutcomeRecord, read_outcome
from carlos_tasks.lake.shards import (
    Pair,
    ShardFile,
    UnreadableShard,
    identity_of,
    read_shard,
    shard_file,
    table_bytes,
)
from carlos_tasks.store.keys import BASELINE, outcome_key, parse_shard_key
from carlos_tasks.store.objects import ObjectStore

log = logging.getLogger(__name__)


def existing_shard(store: ObjectStore, key: str, pairs: Collection[Pair]) -> ShardFile | None:
    """Return what an outcome says of the shard at a key, None where it is to be made.

    Where only the file around its rows was hurt, it is written again from them. Of a version before footers said
    anything, the baseline is kept if it has the pairs: all LoRAs of its profile were measured against it. Another
    LoRA's shard cannot be told from this one's then, so that shards of LoRAs are made again.
    """
    try:
        data = store.read(key)
    except NotFound:
        return None
    try:
        table, identity = read_shard(data)
    except UnreadableShard as exc:
        log.warning("%s is made again: %s", key, exc)
        return None
    own = identity_of(key, table)
    has_pairs = sorted(zip(table["prompt_id"].to_pylist(), table["seed"].to_pylist(), strict=True)) == sorted(pairs)
    if identity is None and has_pairs and parse_shard_key(key)[1] == BASELINE:
        return shard_file(key, data)
    if identity != own or not has_pairs:
        log.warning("%s is made again: it is not the shard of this key, or not as it was written", key)
        return None
    whole = table_bytes(key, table)
    if whole != data:
        store.write(key, whole)
    return shard_file(key, whole)


def existing_outcome(store: ObjectStore, profile_id: str, lora_id: str) -> OutcomeRecord | None:
    """Return a LoRA's outcome where it is whole and so is each shard that it names, None where it is to be made."""
    try:
        outcome = read_outcome(store, outcome_key(profile_id, lora_id), profile_id)
    except NotFound:
        return None
    except DamagedObject as exc:
        log.warning("%s is measured again: %s", lora_id[:12], exc)
        return None
    if outcome.status == "embedded" and not all(is_as_named(store, file) for file in outcome.shards):
        log.warning("%s is measured again: its outcome names shards that are not as they were written", lora_id[:12])
        return None
    return outcome


def is_as_named(store: ObjectStore, file: ShardFile) -> bool:
    """Whether a shard has the bytes that an outcome names; for an outcome of an older version, whether it is one."""
    try:
        data = store.read(file.key)
        if file.sha256 is not None:
            return shard_file(file.key, data) == file
        read_shard(data)
    except (NotFound, UnreadableShard):
        return False
    return True
