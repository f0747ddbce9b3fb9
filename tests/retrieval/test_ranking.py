"""The ranking in memory is that of float64, and that of the lake's own macro."""

from typing import Any

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles, Mask
from carlos_tasks.retrieval.directions import Directions
from carlos_tasks.retrieval.query import Part, Query
from carlos_tasks.retrieval.ranking import rank
from tests.retrieval.directions_in_lake import asked, put, put_listing


def read(con: duckdb.DuckDBPyConnection, profile_id: str = "p") -> Directions:
    found = Directions(profile_id)
    found.read_new(con)
    return found


def everything(directions: Directions) -> Mask:
    return np.ones(len(directions), dtype=bool)


def by_definition(vectors: NDArray[Any], query: Query) -> Doubles:
    """cos(D, wanted) − Σ |w|·max(0, cos(D, v̂)) in float64."""
    units = vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    wanted = np.zeros(vectors.shape[1])
    penalty = np.zeros(len(vectors))
    for part in query.parts:
        unit = part.vector.astype(np.float64) / np.linalg.norm(part.vector.astype(np.float64))
        if part.weight > 0:
            wanted += part.weight * unit
        else:
            penalty += abs(part.weight) * np.maximum(units @ unit, 0)
    return np.asarray(units @ (wanted / np.linalg.norm(wanted)) - penalty)


@pytest.mark.parametrize("weights", [(1.0,), (1.0, 0.5), (2.0, -0.7), (1.0, -1.0, 0.3, -2.0)])
@pytest.mark.parametrize("k", [1, 10, 999, 5000])
def test_it_is_the_ranking_of_float64(table: duckdb.DuckDBPyConnection, weights: tuple[float, ...], k: int) -> None:
    rng = np.random.default_rng(k)
    vectors = rng.normal(size=(1000, 33)).astype(np.float32)
    put(table, "p", {f"{n:04d}": vector for n, vector in enumerate(vectors)})
    query = Query("p", tuple(Part("x", w, rng.normal(size=33).astype(np.float32)) for w in weights))
    expected = by_definition(vectors, query)
    directions = read(table)
    admitted = everything(directions)
    admitted[: len(admitted) // 3] = False
    admitted_ids = {i for i, passes in zip(directions.lora_ids.to_pylist(), admitted, strict=True) if passes}
    best = [f"{n:04d}" for n in np.argsort(-expected, kind="stable") if f"{n:04d}" in admitted_ids][:k]
    found = rank(directions, query, admitted, k)
    assert found.lora_ids == best
    assert found.scores == pytest.approx(expected[[int(i) for i in best]], abs=1e-7)


def test_what_float32_cannot_tell_apart_is_told_apart(table: duckdb.DuckDBPyConnection) -> None:
    """Cosines that differ by less than a float32 resolves near 1; the order of the ids is the opposite one."""
    angles = np.array([3e-5, 2e-5, 1e-5])
    put(table, "p", {f"{n}": (np.cos(a), np.sin(a)) for n, a in enumerate(angles)})
    directions = read(table)
    query = asked("p", (1.0, 0.0))
    _, cosines = directions.cosines(query.matrix, everything(directions))
    assert len(set(cosines[:, 0].tolist())) < 3
    assert rank(directions, query, everything(directions), 3).lora_ids == ["2", "1", "0"]


def test_equal_directions_are_ordered_by_id_wherever_they_lie(table: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(1)
    same = rng.normal(size=(17,)).astype(np.float32)
    others = rng.normal(size=(40, 17)).astype(np.float32)
    rows = {f"other-{n:02d}": vector for n, vector in enumerate(others)}
    put(table, "p", {"twin-c": same, **rows, "twin-a": same * 2, "twin-d": same})
    put(table, "p", {"twin-b": same * 4})
    directions = read(table)
    query = asked("p", same + 0.1)
    for k in (2, 4):
        assert rank(directions, query, everything(directions), k).lora_ids == [f"twin-{c}" for c in "abcd"][:k]


def test_a_direction_that_points_nowhere_is_never_ranked(table: duckdb.DuckDBPyConnection) -> None:
    rows = {"zero": (0.0, 0.0), "nan": (np.nan, 1.0), "infinite": (np.inf, 1.0), "none": None, "good": (0.1, 0.0)}
    put(table, "p", rows)
    directions = read(table)
    found = rank(directions, asked("p", (-1.0, 0.0)), everything(directions), 9)
    assert (found.lora_ids, found.scores.tolist()) == (["good"], [-1.0])


def test_it_is_the_ranking_of_the_lakes_macro(lake: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(5)
    vectors = {f"{n:03d}": vector for n, vector in enumerate(rng.normal(size=(200, 24)))}
    put(lake, "p", vectors | {"twin": vectors["007"], "void": None, "zero": np.zeros(24)})
    put(lake, "q", {"elsewhere": vectors["007"]})
    put_listing(lake, "007")
    lake.execute("insert into core.profile (profile_id, name, definition, created_at) values ('p', 'p', '{}', now())")
    asked_for = rng.normal(size=24).astype(np.float32)
    by_sql = lake.execute(
        "select lora_id, score from mart.search_vector($v::float[], 150, profile := 'p') order by rank",
        {"v": asked_for.tolist()},
    ).fetchall()
    directions = read(lake)
    found = rank(directions, asked("p", asked_for), everything(directions), 150)
    assert found.lora_ids == [lora_id for lora_id, _ in by_sql]
    assert found.scores == pytest.approx([score for _, score in by_sql], abs=1e-6)
