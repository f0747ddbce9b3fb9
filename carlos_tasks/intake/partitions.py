"""Partition keys: how Airflow names one shard of one source, `<source uri>!<shard key>`.

Airflow takes 250 characters. The path of a folder can be longer: such a shard is named by its hash, and found again by
listing the source.
"""

import hashlib
from collections.abc import Iterable

from carlos_tasks.errors import NotFound
from carlos_tasks.untrusted.source_uri import BETWEEN

MAX_CHARS = 250
_HASHED = "sha256:"


def partition_of(source_uri: str, shard_key: str) -> str:
    """Return the partition key of a shard."""
    key = f"{source_uri}{BETWEEN}{shard_key}"
    if len(key) <= MAX_CHARS and not shard_key.startswith(_HASHED):
        return key
    return f"{source_uri}{BETWEEN}{_HASHED}{hashlib.sha256(shard_key.encode()).hexdigest()}"


def read_partition(partition_key: str | None) -> tuple[str, str] | None:
    """Return the source and the name of the shard in it; None for a partition that names no shard."""
    source_uri, between, name = (partition_key or "").partition(BETWEEN)
    return (source_uri, name) if between else None


def find_shard(name: str, shard_keys: Iterable[str]) -> str:
    """Return the shard key that a partition's name of a shard stands for.

    Args:
        name: what `read_partition` returned.
        shard_keys: the keys of the source, listed only where the name is a hash.
    """
    if not name.startswith(_HASHED):
        return name
    for key in shard_keys:
        if f"{_HASHED}{hashlib.sha256(key.encode()).hexdigest()}" == name:
            return key
    raise NotFound(f"the source has no shard {name}")
