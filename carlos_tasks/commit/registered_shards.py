"""Shards that the lake has registered, held against what it recorded of them when it did."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb

from carlos_tasks.lake.damage import Damage
from carlos_tasks.lake.measurement import CheckedShard, ProfilePairs, check_shards
from carlos_tasks.lake.place import urls_of
from carlos_tasks.lake.shards import ShardFile
from carlos_tasks.store.keys import parse_shard_key, shard_prefix
from carlos_tasks.store.objects import ObjectStore


@dataclass
class Registered:
    """The registered shards of some LoRAs: those that are whole, what is wrong with the others.

    `unrecorded`: keys that the lake has no hash of yet, registered by an older version.
    """

    shards: list[CheckedShard] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    unrecorded: set[str] = field(default_factory=set)


def registered_keys(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> dict[str, list[str]]:
    """By lora_id: the keys of its registered shards, sorted; of one without shards an empty list."""
    keys: dict[str, list[str]] = {lora_id: [] for lora_id in lora_ids}
    folders = urls_of(con, [shard_prefix(profile_id, lora_id) for lora_id in lora_ids])
    prefixes = dict(zip(folders, lora_ids, strict=True))
    found = con.execute(
        "select data_file from ducklake_list_files('carlos', 'embedding', schema => 'core') "
        "where list_contains($1::varchar[], regexp_replace(data_file, '[^/]*$', ''))",
        [list(prefixes)],
    ).fetchall()
    for (url,) in sorted(found):
        folder, _, name = url.rpartition("/")
        lora_id = prefixes[f"{folder}/"]
        keys[lora_id].append(shard_prefix(profile_id, lora_id) + name)
    return keys


def check_registered(
    con: duckdb.DuckDBPyConnection, store: ObjectStore, pairs: ProfilePairs, keys: Sequence[str]
) -> Registered:
    """Fetch registered shards and hold each against its recorded hash and its own footer."""
    if not keys:
        return Registered()
    loras = sorted({parse_shard_key(key)[1] for key in keys})
    recorded = con.execute(
        "select key, sha256, size_bytes, is_sealed from core.embedding_shard "
        "where list_contains($1::varchar[], lora_id) and list_contains($2::varchar[], key)",
        [loras, list(keys)],
    ).fetchall()
    known = {key: ShardFile(key=key, sha256=sha256, size_bytes=size) for key, sha256, size, _ in recorded}
    files = [known.get(key, ShardFile(key=key)) for key in keys]
    found = Registered(unrecorded=set(keys) - set(known))
    for checked in check_shards(store, files, pairs):
        if isinstance(checked, Damage):
            found.damages.append(checked)
        else:
            found.shards.append(checked)
    return found
