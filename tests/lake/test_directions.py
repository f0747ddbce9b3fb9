"""The one reader of Directions: which LoRAs have one, in blocks, of one profile and one dimension."""

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from carlos_tasks.errors import ProfileMismatch
from carlos_tasks.lake.directions import (
    KEYS,
    DirectionBlock,
    direction_matrix,
    of_one_dimension,
    per_length,
    read_directions,
    unit_vectors,
)
from tests.retrieval.directions_in_lake import Vectors, put

SOUND: Vectors = {"a": [3.0, 4.0], "b": [0.0, 2.0]}
NONE: Vectors = {"null": None, "zero": [0.0, 0.0], "nan": [np.nan, 1.0], "inf": [np.inf, 1.0]}


def ids(blocks: list[DirectionBlock]) -> list[str]:
    return sorted(lora_id for block in blocks for lora_id in block.lora_ids)


def test_a_direction_is_measured_finite_and_longer_than_0(table: duckdb.DuckDBPyConnection) -> None:
    put(table, "p", {**SOUND, **NONE})
    put(table, "p", {"failed": [1.0, 1.0]}, measured="failed")
    blocks = list(read_directions(table, "p"))
    assert ids(blocks) == ["a", "b", "inf", "nan", "zero"]
    assert ids([block.usable() for block in blocks]) == ["a", "b"]
    lengths = {i: x for block in blocks for i, x in zip(block.lora_ids, block.lengths.tolist(), strict=True)}
    assert lengths == {"a": 5.0, "b": 2.0, "zero": 0.0, "nan": 0.0, "inf": 0.0}


def test_only_those_of_the_profile_that_are_asked_for_are_read(table: duckdb.DuckDBPyConnection) -> None:
    put(table, "p", {**SOUND, "c": [1.0, 0.0]})
    put(table, "q", {"a": [1.0, 0.0]})
    assert ids(list(read_directions(table, "p"))) == ["a", "b", "c"]
    assert ids(list(read_directions(table, "p", lora_ids=["c", "a", "nobody"]))) == ["a", "c"]
    assert ids(list(read_directions(table, "p", lora_ids=[]))) == []
    assert ids(list(read_directions(table, "nobody's"))) == []


def test_what_is_known_or_older_is_left_out(table: duckdb.DuckDBPyConnection) -> None:
    put(table, "p", SOUND)
    known = pa.concat_tables([block.keys for block in read_directions(table, "p")])
    assert known.schema == KEYS
    assert ids(list(read_directions(table, "p", left_out=known))) == []
    table.execute("delete from core.representation where lora_id = 'a'")
    put(table, "p", {"a": [1.0, 1.0]})  # measured anew: the old measurement is known, the new one is not
    assert ids(list(read_directions(table, "p", left_out=known))) == ["a"]
    (newest,) = table.execute("select max(computed_at) from core.representation").fetchall()[0]
    assert ids(list(read_directions(table, "p", since=newest))) == ["a"]
    assert ids(list(read_directions(table, "p", since=datetime.now(UTC) + timedelta(days=1)))) == []


def test_blocks_are_as_small_as_asked_for_and_of_one_dimension(table: duckdb.DuckDBPyConnection) -> None:
    vectors = np.random.default_rng(0).normal(size=(25, 3)).astype(np.float32)
    put(table, "p", {f"{n:02d}": row for n, row in enumerate(vectors)})
    assert [len(block.lengths) for block in read_directions(table, "p", batch=7)] == [7, 7, 7, 4]
    put(table, "p", {"other": [1.0, 2.0]})
    blocks = list(read_directions(table, "p", batch=7))
    assert max(len(block.lengths) for block in blocks) <= 7
    assert {block.dimension for block in blocks} == {2, 3}
    found = {i: v for block in blocks for i, v in zip(block.lora_ids, block.vectors, strict=True)}
    assert all(np.array_equal(found[f"{n:02d}"], row) for n, row in enumerate(vectors))
    with pytest.raises(ProfileMismatch, match=r"profile p holds Directions of \[2, 3\] dimensions"):
        list(of_one_dimension(blocks, "p"))
    with pytest.raises(ProfileMismatch, match=r"Directions of \[3, 4\] dimensions"):
        next(of_one_dimension(blocks, "p", 4))


def test_the_matrix_has_a_row_for_each_id_given(table: duckdb.DuckDBPyConnection) -> None:
    put(table, "p", {**SOUND, **NONE})
    vectors, lengths = direction_matrix(table, "p", ["b", "null", "zero", "a", "nan", "nobody"])
    assert vectors.tolist() == [[0, 2], [0, 0], [0, 0], [3, 4], [0, 0], [0, 0]] and vectors.dtype == np.float32
    assert lengths.tolist() == [2, 0, 0, 5, 0, 0]
    assert per_length(lengths).tolist() == pytest.approx([0.5, 0, 0, 0.2, 0, 0])
    assert unit_vectors(vectors, lengths)[3].tolist() == pytest.approx([0.6, 0.8])
    assert not unit_vectors(vectors, lengths)[[1, 2, 4, 5]].any()
    assert direction_matrix(table, "q", ["a"])[0].shape == (1, 0)
    put(table, "p", {"c": [1.0, 2.0, 3.0]})
    with pytest.raises(ProfileMismatch):
        direction_matrix(table, "p", ["a"])
