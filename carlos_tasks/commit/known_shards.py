"""Shards that the lake has, held against what it recorded of them when they were committed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from carlos_tasks.lake.damage import Damage
from carlos_tasks.lake.manifest import known_shards
from carlos_tasks.lake.measurement import CheckedShard, ProfilePairs, check_shards
from carlos_tasks.store.objects import ObjectStore


@dataclass
class Known:
    """The shards that the lake has of some LoRAs: those that are whole, what is wrong with the others.

    `unrecorded`: keys that the lake has no hash of yet, registered by an older version.
    """

    shards: list[CheckedShard] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    unrecorded: set[str] = field(default_factory=set)


def check_known(
    con: duckdb.DuckDBPyConnection,
    store: ObjectStore,
    pairs: ProfilePairs,
    profile_id: str,
    lora_ids: Sequence[str],
) -> Known:
    """Fetch the shards that the lake has of some LoRAs; hold each against its recorded hash and its own footer."""
    files = [file for own in known_shards(con, profile_id, lora_ids).values() for file in own]
    found = Known(unrecorded={file.key for file in files if file.sha256 is None})
    # Without its hash the size is that of DuckLake's own record, which a shard made again since need not have.
    expected = [file if file.sha256 else file.model_copy(update={"size_bytes": None}) for file in files]
    for checked in check_shards(store, expected, pairs):
        if isinstance(checked, Damage):
            found.damages.append(checked)
        else:
            found.shards.append(checked)
    return found
