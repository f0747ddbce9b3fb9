"""The Directions in memory: read once, in blocks; after a commit only what is new."""

import duckdb
import numpy as np
import pytest

from carlos_tasks.errors import ProfileMismatch
from carlos_tasks.retrieval.directions import Directions, directions
from tests.retrieval.directions_in_lake import put

AXES = np.eye(3, dtype=np.float32)


def cosines_by_id(found: Directions, admitted: np.ndarray | None = None) -> dict[str, list[float]]:
    passing = np.ones(len(found), dtype=bool) if admitted is None else admitted
    rows, cosines = found.cosines(np.eye(found.dimension, dtype=np.float32), passing)
    return dict(zip(found.lora_ids.take(rows).to_pylist(), cosines.tolist(), strict=True))


def test_only_what_is_new_is_read_and_rows_keep_their_place(table: duckdb.DuckDBPyConnection) -> None:
    found = Directions("p")
    assert (found.read_new(table), len(found), found.dimension) == (0, 0, 0)
    put(table, "p", {"b": AXES[0] * 2, "a": AXES[1]})
    put(table, "other profile", {"z": AXES[1]})
    assert found.read_new(table) == 2
    before = found.lora_ids.to_pylist()
    assert found.read_new(table) == 0
    put(table, "p", {"0": AXES[2], "none": None})
    assert found.read_new(table) == 1
    assert found.lora_ids.to_pylist() == [*before, "0"]
    assert cosines_by_id(found) == {"b": [1, 0, 0], "a": [0, 1, 0], "0": [0, 0, 1]}


def test_what_is_measured_anew_gets_a_new_row(table: duckdb.DuckDBPyConnection) -> None:
    found = Directions("p")
    put(table, "p", {"a": AXES[0], "b": AXES[1]})
    found.read_new(table)
    table.execute("delete from core.representation where lora_id = 'a'")
    put(table, "p", {"a": AXES[2]})
    assert found.read_new(table) == 1
    with found.as_table(table):
        living = table.execute(
            "select lora_id, row from read semi join core.representation using (lora_id, computed_at) order by all"
        ).fetchall()
    assert dict(living)["a"] == 2 and [lora_id for lora_id, _ in living] == ["a", "b"]


def test_directions_that_are_mostly_gone_are_read_anew(table: duckdb.DuckDBPyConnection) -> None:
    put(table, "p", {"a": AXES[0], "b": AXES[1], "c": AXES[2]})
    old = directions(table, str(id(table)), "p")
    assert directions(table, str(id(table)), "p") is old
    table.execute("delete from core.representation where lora_id <> 'c'")
    new = directions(table, str(id(table)), "p")
    assert (new.lora_ids.to_pylist(), len(old)) == (["c"], 3)


@pytest.mark.parametrize("share", [0.01, 0.9])
def test_blocks_hold_any_number_of_rows(table: duckdb.DuckDBPyConnection, share: float) -> None:
    """More rows than a block has, in two commits; few admitted rows are picked, many are scanned."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40_000, 4)).astype(np.float32)
    found = Directions("p")
    for start, stop in ((0, 20_000), (20_000, 40_000)):
        put(table, "p", {str(n): vectors[n] for n in range(start, stop)})
        found.read_new(table)
    admitted = rng.uniform(size=len(found)) < share
    rows, cosines = found.cosines(np.eye(4, dtype=np.float32)[:, :3], admitted)
    own = vectors[[int(i) for i in found.lora_ids.take(rows).to_pylist()]]
    assert np.array_equal(rows, np.flatnonzero(admitted))
    assert cosines == pytest.approx((own / np.linalg.norm(own, axis=1, keepdims=True))[:, :3], abs=1e-6)
    assert found.units(rows[:5]) == pytest.approx(own[:5] / np.linalg.norm(own[:5], axis=1, keepdims=True), abs=1e-7)


def test_many_columns_give_what_few_do(table: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(0)
    put(table, "p", {str(n): vector for n, vector in enumerate(rng.normal(size=(50, 16)))})
    found = Directions("p")
    found.read_new(table)
    matrix = rng.normal(size=(16, 12)).astype(np.float32)
    everything = np.ones(50, dtype=bool)
    few = [found.cosines(matrix[:, n : n + 3], everything)[1] for n in range(0, 12, 3)]
    assert found.cosines(matrix, everything)[1] == pytest.approx(np.hstack(few), abs=1e-5)


def test_one_profile_has_one_dimension(table: duckdb.DuckDBPyConnection) -> None:
    put(table, "p", {"a": AXES[0], "b": AXES[1][:2]})
    with pytest.raises(ProfileMismatch, match=r"Directions of \[2, 3\] dimensions"):
        Directions("p").read_new(table)
