"""A shard is a function of its rows, and rows that would spoil a representation are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from carlos_tasks.lake.shards import SHARD_SCHEMA, shard_bytes, write_shard
from carlos_tasks.store.folder import FolderStore
from carlos_tasks.store.keys import parse_shard_key, shard_key

KEY = shard_key("prof", "lora", 0)


def row(prompt_id: str = "p1", seed: int = 0, **changes: Any) -> dict[str, Any]:
    """A good row."""
    embedding = np.arange(4, dtype=np.float32) + seed
    return {
        "prompt_id": prompt_id,
        "seed": seed,
        "embedding": embedding,
        "image_mean": 0.5,
        "image_std": 0.1,
        "flag": None,
    } | changes


def test_a_shard_comes_back_with_float32_untouched(tmp_path: Path) -> None:
    embedding = np.array([1 / 3, -1e-30, 12345.678, 2**-126], dtype=np.float32)
    key = shard_key("prof", "lora", 3)
    write_shard(FolderStore(tmp_path), key, [row(embedding=embedding)])
    table = pq.read_table(tmp_path / key, schema=SHARD_SCHEMA)
    assert np.array(table["embedding"][0].as_py(), dtype=np.float32).tobytes() == embedding.tobytes()
    assert table.schema.equals(SHARD_SCHEMA)


def test_the_order_of_rows_changes_no_byte() -> None:
    rows = [row("p1", 0), row("p1", 1), row("p0", 1), row("p2", 0, embedding=None, flag="nan")]
    assert shard_bytes(KEY, rows) == shard_bytes(KEY, rows[::-1])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "needs rows"),
        ([row(), row()], "stands twice"),
        ([row(), row(seed=1, embedding=np.zeros(5, np.float32))], "mixes dimensions"),
        ([row(embedding=np.zeros(4))], "float32"),
        ([row(embedding=[0.0, 1.0])], "float32"),
        ([row(embedding=np.zeros((2, 2), np.float32))], "one dimension"),
        ([row(embedding=np.zeros(0, np.float32))], "empty"),
        ([row(embedding=np.array([0, np.nan], np.float32))], "not finite"),
        ([row(embedding=np.array([0, np.inf], np.float32), flag="black")], "not finite"),
        ([row(embedding=np.array([0, 2e9], np.float32))], "out of range"),
        ([row(embedding=None)], "no embedding"),
        ([row(embedding=None, flag="black")], "no embedding"),
        ([row(flag="pretty")], "unknown flag"),
    ],
)
def test_refuses_rows_that_would_spoil_a_representation(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shard_bytes(KEY, rows)


def test_nothing_is_written_when_a_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown flag"):
        write_shard(FolderStore(tmp_path), shard_key("prof", "lora", 0), [row(), row(seed=1, flag="pretty")])
    assert list(tmp_path.rglob("*")) == []


def test_a_nan_embedding_may_be_kept_where_it_is_flagged() -> None:
    assert shard_bytes(KEY, [row(embedding=np.array([0, np.nan], np.float32), flag="nan")])


def test_keys_round_trip() -> None:
    key = shard_key("3b18c50e", "base", 12)
    assert key == "shards/profile_id=3b18c50e/lora_id=base/00012.parquet"
    assert parse_shard_key(key) == ("3b18c50e", "base", 12)


@pytest.mark.parametrize(
    "key",
    [
        "shards/profile_id=p/lora_id=../00000.parquet",
        "shards/profile_id=p/lora_id=l/0.parquet",
        "shards/profile_id=p/lora_id=l/00000.parquet/x",
        "other/profile_id=p/lora_id=l/00000.parquet",
    ],
)
def test_other_keys_are_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the key"):
        write_shard(FolderStore(tmp_path), key, [row()])


@pytest.mark.parametrize("lora_id", ["", "..", "a/b", "a b", "x" * 200])
def test_ids_that_could_leave_their_folder_are_refused(lora_id: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        shard_key("prof", lora_id, 0)


def test_shard_numbers_fit_five_digits() -> None:
    with pytest.raises(ValueError, match="not a shard number"):
        shard_key("prof", "lora", 100_000)
