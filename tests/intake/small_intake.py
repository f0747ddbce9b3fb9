"""Small intake files, as intake would have written them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from carlos_tasks.intake.schema import IntakeWriter, ShardRead
from carlos_tasks.store.keys import intake_key
from carlos_tasks.store.objects import ObjectStore

# To come, so that the shards' own times decide what began when, and not the time of the test.
NOW = datetime(2099, 1, 2, tzinfo=UTC)
SHARD = "models/00001.json"
SOURCE_URI = "civitai-dump:/dump"
#: What the checks say of a LoRA.
FACTS = {
    "family": "peft",
    "base_model": "micro-xl",
    "rank": 4,
    "trigger_words": ["w"],
    "file_key": "files/a.safetensors",
    "checks_version": 1,
}


def listing(**fields: Any) -> dict[str, Any]:
    """One listing row of an intake file."""
    return {
        "kind": "listing",
        "source": "s",
        "model_id": "1",
        "version_id": "1",
        "file_id": "1",
        "shard_key": SHARD,
        "seen_at": NOW,
        "payload_sha256": "first",
        "name": "Robert'); drop table core.lora; --",
        "license": "{}",
        "payload": "{}",
    } | fields


def rejection(is_listed: bool = False, **fields: Any) -> dict[str, Any]:
    """One rejection row of an intake file."""
    reason = {"reason": "truncated", "detail": "it ends early", "quarantine_key": "quarantine/x/file"}
    refusal = {"rejection": reason | {"is_listed": is_listed}}
    return listing(kind="rejection", payload_sha256=None, name=None) | refusal | fields


def a_read(shard_key: str = SHARD, **fields: Any) -> ShardRead:
    """One shard, read whole, without records."""
    facts: dict[str, Any] = {
        "source_uri": SOURCE_URI,
        "shard_key": shard_key,
        "etag": "e1",
        "last_modified": NOW.isoformat(),
        "checks_version": 1,
        "base_models": ["micro-xl"],
        "max_bytes": 100,
        "is_complete": True,
        "n_records": 0,
    }
    return ShardRead(**facts | fields)


def write_intake(store: ObjectStore, rows: Iterable[dict[str, Any]], shard_key: str = SHARD, **fields: Any) -> str:
    """Write the intake file of a shard; its rows are of that shard, and all the records that were read."""
    n_records = 0
    key = intake_key(fields.get("source_uri", SOURCE_URI), shard_key)
    with TemporaryDirectory() as room:
        path = Path(room) / "intake.parquet"
        with IntakeWriter(path) as writer:
            for row in rows:
                writer.add(row | {"shard_key": shard_key})
                n_records += not (row.get("rejection") or {}).get("is_listed")
            writer.finish(a_read(shard_key, **{"n_records": n_records} | fields))
        store.upload(path, key)
    return key
