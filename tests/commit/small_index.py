"""A small index for tests: a profile of a few prompts, embeddings of known effect, and the files a worker leaves."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.arrays import Floats
from carlos_tasks.lake.shards import shard_file, write_shard
from carlos_tasks.profiles.profile import Profile, load_profile
from carlos_tasks.store.keys import shard_key
from carlos_tasks.store.objects import ObjectStore

PAIRS_PER_SHARD = 7
ATTEMPTED_AT = "2026-01-02T03:04:05+00:00"


def small_profile(folder: Path, n_prompts: int = 5, seeds: Sequence[int] = (0, 1, 2), **changes: Any) -> Profile:
    """The micro profile with prompts of its own, written below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    document = load_profile("micro").model_dump(mode="json")
    document["identity"]["seeds"] = list(seeds)
    document["identity"]["prompts"] = few_prompts(folder, "test-indexing", n_prompts)
    document["retrieval_prompts"] = few_prompts(folder, "test-retrieval", 2)
    return Profile.model_validate(
        document | {"thresholds": {}, "budget": None, "pairs_per_shard": PAIRS_PER_SHARD} | changes
    )


def few_prompts(folder: Path, name: str, count: int) -> dict[str, str]:
    """Write so many prompts of two categories; what a profile says of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    prompts = [
        {"prompt_id": f"{name}-{n}", "category": f"c{n % 2}", "subcategory": "s", "text": f"{name} {n}"}
        for n in range(count)
    ]
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"prompt_set": name, "prompts": prompts}))
    return {"uri": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def baseline(profile: Profile, dimension: int = 8) -> Floats:
    """Embeddings of the bare backbone, (pairs, dimension)."""
    return np.random.default_rng(7).normal(size=(len(profile.pairs()), dimension)).astype(np.float32)


def with_effect(embeddings: Floats, seed: int, size: float = 0.5) -> Floats:
    """The embeddings moved along one direction, with noise."""
    rng = np.random.default_rng(seed)
    noise = 0.3 * size * rng.normal(size=embeddings.shape)
    return (embeddings + size * rng.normal(size=embeddings.shape[1]) + noise).astype(np.float32)


def write_shards(
    store: ObjectStore, profile: Profile, lora_id: str, embeddings: Floats, flags: dict[int, str] | None = None
) -> list[str]:
    """Write a LoRA's shards as a worker does; `flags` marks pairs by their number. Returns the keys."""
    rows = [
        {
            "prompt_id": prompt.prompt_id,
            "seed": seed,
            "embedding": None if (flags or {}).get(number) == "nan" else embeddings[number],
            "image_mean": 0.5,
            "image_std": 0.2,
            "flag": (flags or {}).get(number),
        }
        for number, (prompt, seed) in enumerate(profile.pairs())
    ]
    keys: list[str] = []
    for start in range(0, len(rows), profile.pairs_per_shard):
        keys.append(shard_key(profile.profile_id, lora_id, len(keys)))
        write_shard(store, keys[-1], rows[start : start + profile.pairs_per_shard])
    return keys


def write_outcome(store: ObjectStore, profile: Profile, lora_id: str, **fields: Any) -> str:
    """Write an outcome as a worker does; returns its key."""
    outcome = {
        "profile_id": profile.profile_id,
        "lora_id": lora_id,
        "status": "embedded",
        "reason": None,
        "detail": None,
        "shards": [],
        "n_pairs": 0,
        "modules_saved": 8,
        "modules_patched": 8,
        "seconds": 1.5,
        "attempted_at": ATTEMPTED_AT,
        "code_version": "0",
    } | fields
    key = f"outcomes/profile_id={profile.profile_id}/lora_id={lora_id}.json"
    store.write(key, json.dumps(outcome).encode())
    return key


def as_older_version(store: ObjectStore, key: str) -> None:
    """Make a shard what a version wrote whose footers say nothing."""
    table = pq.read_table(pa.BufferReader(store.read(key)))
    buffer = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), buffer, store_schema=False)
    store.write(key, buffer.getvalue().to_pybytes())


def sealed(store: ObjectStore, keys: Sequence[str]) -> list[dict[str, Any]]:
    """What an outcome says of shards that lie in the store."""
    return [shard_file(key, store.read(key)).model_dump() for key in keys]


def embedded(
    store: ObjectStore, profile: Profile, lora_id: str, embeddings: Floats, flags: dict[int, str] | None = None
) -> str:
    """Write shards and outcome of a LoRA that was measured; returns the outcome's key."""
    shards = write_shards(store, profile, lora_id, embeddings, flags)
    return write_outcome(store, profile, lora_id, shards=sealed(store, shards), n_pairs=len(profile.pairs()))
