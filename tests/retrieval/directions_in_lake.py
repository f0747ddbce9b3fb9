"""Representations and listings for tests of search, written straight into a lake."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.query import Part, Query

Vectors = Mapping[str, Sequence[float] | NDArray[Any] | None]

EFFECT = {"strength": 5.0, "consistency": 0.5, "n_pairs": 8, "n_prompts": 4}


def put(lake: duckdb.DuckDBPyConnection, profile_id: str, vectors: Vectors, **effect: Any) -> None:
    """Representations in one insert, and so in one parquet file; without a vector: degenerate."""
    rows = [
        {
            "profile_id": profile_id,
            "lora_id": lora_id,
            "measured": "degenerate" if vector is None else "measured",
            "direction": None if vector is None else np.asarray(vector, dtype=np.float32).tolist(),
            **EFFECT,
            **effect,
        }
        for lora_id, vector in vectors.items()
    ]
    schema = {"profile_id": pa.string(), "lora_id": pa.string(), "measured": pa.string()} | {
        "direction": pa.list_(pa.float32())
    }
    schema |= {name: pa.float64() for name in rows[0] if name not in schema}
    given = pa.Table.from_pylist(rows, schema=pa.schema(list(schema.items())))
    lake.register("given", given)
    lake.execute("insert into core.representation by name select *, now() as computed_at from given")
    lake.unregister("given")


def put_listing(lake: duckdb.DuckDBPyConnection, lora_id: str, **fields: Any) -> None:
    """A listing of a LoRA, by a source of its own unless `fields` name one."""
    row = {
        "source": "civitai",
        "model_id": lora_id,
        "version_id": "1",
        "file_id": "1",
        "shard_key": "k",
        "payload_sha256": "x",
        "lora_id": lora_id,
        "name": lora_id.title(),
    } | fields
    lake.register("given", pa.Table.from_pylist([row]))
    lake.execute("insert into raw.listing by name select *, now() as seen_at from given")
    lake.unregister("given")


def put_lora(lake: duckdb.DuckDBPyConnection, lora_id: str, **fields: Any) -> None:
    """What the file of a LoRA shows."""
    lake.register("given", pa.Table.from_pylist([{"lora_id": lora_id, "base_model": "micro-xl"} | fields]))
    lake.execute("insert into core.lora by name select *, now() as first_seen_at from given")
    lake.unregister("given")


def threshold(lake: duckdb.DuckDBPyConnection, profile: Profile, **limits: float) -> None:
    """Thresholds of a profile."""
    for name, value in limits.items():
        lake.execute("insert into core.threshold values (?, ?, ?, 'test')", [profile.profile_id, name, value])


def asked(profile_id: str, *wanted: Sequence[float] | NDArray[Any], unwanted: Sequence[Any] = ()) -> Query:
    """A query of vectors, each of weight 1, or −1 where unwanted."""
    parts = [Part(f"wanted {n}", 1.0, np.asarray(v, dtype=np.float32)) for n, v in enumerate(wanted)]
    parts += [Part(f"unwanted {n}", -1.0, np.asarray(v, dtype=np.float32)) for n, v in enumerate(unwanted)]
    return Query(profile_id, tuple(parts))
