"""Rows given, rows expected: fills tables of a lake inside a transaction that is rolled back after the test."""

from itertools import count
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from carlos_tasks.aliases import Row
from carlos_tasks.lake.shards import SHARD_SCHEMA
from carlos_tasks.lake.statements import rows
from carlos_tasks.store.keys import shard_key

__all__ = ["Row", "Rows", "answer", "fill"]

Rows = dict[str, list[Row]]

#: What an embedding says that a test does not care about. Its rows are no table's: they lie in shards.
EMBEDDING: Row = {"profile_id": "p", "lora_id": "a", "prompt_id": "p1", "seed": 0, "embedding": [1.0, 2.0]}
_NUMBERS = count()

_TIME = "2026-01-01 00:00:00+00"

#: What a row needs and a test does not care about.
DEFAULTS: Rows = {
    "raw.listing": [
        {
            "source": "s",
            "model_id": "1",
            "version_id": "1",
            "file_id": "1",
            "seen_at": _TIME,
            "shard_key": "k",
            "payload_sha256": "x",
            "taken_in_at": _TIME,
        }
    ],
    "raw.rejection": [
        {
            "source": "s",
            "model_id": "1",
            "version_id": "1",
            "file_id": "1",
            "reason": "truncated",
            "rejected_at": _TIME,
            "shard_key": "k",
        }
    ],
    "raw.shard": [
        {
            "source_uri": "u",
            "shard_key": "k",
            "etag": "e",
            "last_modified": _TIME,
            "checks_version": 1,
            "max_bytes": 1,
            "is_complete": True,
            "n_records": 3,
            "n_listings": 2,
            "n_rejections": 1,
            "committed_at": _TIME,
        }
    ],
    "raw.shard_failure": [
        {
            "source_uri": "u",
            "shard_key": "k",
            "reason": "PassingError",
            "detail": "it does not answer",
            "failing_since": _TIME,
            "failed_at": _TIME,
        }
    ],
    "raw.sighting": [
        {
            "source": "s",
            "model_id": "1",
            "version_id": "1",
            "file_id": "1",
            "source_uri": "u",
            "shard_key": "k",
            "payload_sha256": "x",
            "first_seen_at": _TIME,
            "last_seen_at": _TIME,
            "read_at": _TIME,
            "taken_in_at": _TIME,
        }
    ],
    "core.lora": [
        {
            "lora_id": "a",
            "base_model": "micro-xl",
            "file_key": "files/x",
            "first_seen_at": _TIME,
            "taken_in_at": _TIME,
        }
    ],
    "core.profile": [
        {
            "profile_id": "p",
            "name": "test",
            "definition": '{"backbone": {"base_model": "micro-xl"}}',
            "created_at": _TIME,
        }
    ],
    "core.threshold": [{"profile_id": "p", "name": "strength_max", "value": 1.0}],
    "core.prompt": [{"prompt_set": "s", "prompt_id": "p1", "text": "a red circle"}],
    "core.outcome": [{"profile_id": "p", "lora_id": "a", "status": "embedded", "attempted_at": _TIME}],
    "core.embedding_shard": [
        {
            "profile_id": "p",
            "lora_id": "a",
            "number": 0,
            "key": "shards/profile_id=p/lora_id=a/00000.parquet",
            "sha256": "0" * 64,
            "size_bytes": 1000,
            "n_pairs": 1,
            "pairs_sha256": "1" * 64,
            "rows_sha256": "2" * 64,
            "is_sealed": True,
            "snapshot_id": 1,
            "recorded_at": _TIME,
        }
    ],
    "core.damage": [
        {
            "profile_id": "p",
            "lora_id": "a",
            "key": "shards/profile_id=p/lora_id=a/00000.parquet",
            "fault": "shard_damaged",
            "detail": "999 bytes, not 1000",
            "found_by": "verify",
            "found_at": _TIME,
            "resolved_at": _TIME,
        }
    ],
    "core.verification": [
        {
            "run_id": "r",
            "share": 1.0,
            "profile_ids": ["p"],
            "n_loras": 2,
            "n_shards": 2,
            "n_unsealed": 0,
            "n_lake_files": 9,
            "n_lake_files_unsealed": 0,
            "n_faults": 0,
            "started_at": _TIME,
            "ended_at": _TIME,
        }
    ],
    "core.expired_snapshot": [{"snapshot_id": 1, "committed_at": _TIME, "message": "index", "expired_at": _TIME}],
    "core.prompt_difference": [
        {"profile_id": "p", "lora_id": "a", "prompt_id": "p1", "n_pairs": 1, "difference": [1.0, 0.0]}
    ],
    "core.alike": [{"profile_id": "p", "lora_id": "a", "other_id": "b", "cosine": 0.95}],
    "core.weight_sketch": [
        {"lora_id": "a", "base_model": "micro-xl", "version": 1, "n_modules": 84, "computed_at": _TIME}
    ],
    "core.alike_weights": [
        {"lora_id": "a", "other_id": "b", "change_cosine": 0.02, "output_cosine": 0.3, "output_z": 7.0}
    ],
    "core.lora_scale": [
        {
            "profile_id": "p",
            "lora_id": "a",
            "scale": 1.0,
            "measured": "measured",
            "n_pairs": 64,
            "strength": 5.0,
            "strength_se": 0.1,
            "consistency": 0.5,
            "consistency_se": 0.01,
            "prompt_retention": 0.8,
            "prompt_retention_se": 0.01,
            "computed_at": _TIME,
        }
    ],
    "core.compared": [{"profile_id": "p", "lora_id": "a"}],
    "core.query": [{"text_space_id": "t", "text": "east", "vector": [1.0, 0.0], "encoded_at": _TIME}],
    "core.representation": [
        {
            "profile_id": "p",
            "lora_id": "a",
            "measured": "measured",
            "direction": [1.0, 0.0],
            "strength": 1.0,
            "consistency": 0.5,
            "n_pairs": 1,
            "n_flagged": 0,
            "computed_at": _TIME,
        }
    ],
    "core.concept": [
        {
            "policy": "rules",
            "policy_version": "1",
            "concept_id": "striped",
            "version": "v1",
            "title": "Stripes",
            "texts": ["stripes"],
            "counter_texts": [],
            "declared_as": [],
            "images": [],
            "severity": 0.0,
            "q_max": 0.1,
            "is_active": True,
            "loaded_at": _TIME,
        }
    ],
    "core.concept_score": [
        {
            "profile_id": "p",
            "lora_id": "a",
            "policy": "rules",
            "concept_id": "striped",
            "version": "v1",
            "basis": "texts",
            "score": 0.5,
            "p": 0.001,
            "q": 0.01,
            "n_tests": 1,
            "null_id": "n",
            "run_id": "r",
            "computed_at": _TIME,
            "scored_at": _TIME,
        }
    ],
    "core.notice": [
        {
            "notice_id": "n1",
            "lora_id": "a",
            "category": "other",
            "sender_kind": "user",
            "received_at": _TIME,
            "recorded_by": "desk",
            "recorded_at": _TIME,
        }
    ],
    "core.decision": [
        {
            "decision_id": "d1",
            "lora_id": "a",
            "action": "takedown",
            "analyst": "ana",
            "snapshot_id": 1,
            "evidence": [],
            "automated_detection": True,
            "automated_decision": False,
            "code_version": "1",
            "decided_at": _TIME,
        }
    ],
    "core.signing_key": [
        {
            "change_id": "c1",
            "change": "add",
            "key_id": "k1",
            "public_key": "x",
            "name": "ana's",
            "role": "analyst",
            "analyst": "ana",
            "valid_from": _TIME,
            "recorded_by": "op",
            "recorded_at": _TIME,
        }
    ],
    "core.submission": [
        {
            "submission_id": "s1",
            "month": "2026-01-01",
            "number": 1,
            "state": "submitted",
            "sha256": "x",
            "puids": ["d1"],
            "body": "{}",
            "happened_at": _TIME,
            "recorded_by": "ana",
            "recorded_at": _TIME,
        }
    ],
}


def fill(con: duckdb.DuckDBPyConnection, given: Rows) -> None:
    """Insert rows by column name; what a row does not say takes the table's defaults above."""
    for table, its_rows in given.items():
        if table == "core.embedding":
            _put_shards(con, its_rows)
            continue
        (default,) = DEFAULTS[table]
        for row in its_rows:
            con.register("given_row", pa.Table.from_pylist([default | row]))
            con.execute(f"insert into {table} by name from given_row")
            con.unregister("given_row")


def _put_shards(con: duckdb.DuckDBPyConnection, its_rows: list[Row]) -> None:
    """Put embeddings into shards, one for each LoRA, and these into the lake."""
    by_lora: dict[tuple[str, str], list[Row]] = {}
    for row in its_rows:
        full = EMBEDDING | row
        by_lora.setdefault((full.pop("profile_id"), full.pop("lora_id")), []).append(full)
    ((place,),) = con.execute("select getvariable('carlos_store')").fetchall()
    for (profile_id, lora_id), own in by_lora.items():
        number = next(_NUMBERS)
        key = shard_key(profile_id, lora_id, number)
        path = Path(place) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(own, schema=SHARD_SCHEMA), path)
        ids = {"profile_id": profile_id, "lora_id": lora_id, "number": number, "key": key}
        fill(con, {"core.embedding_shard": [ids | {"n_pairs": len(own)}]})


def answer(con: duckdb.DuckDBPyConnection, query: str, parameters: Row | None = None) -> list[Row]:
    """Run a query and return its rows as dictionaries."""
    return rows(con, query, parameters)
