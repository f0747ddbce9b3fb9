"""Who is alike whom: every pair once, whatever the order in which LoRAs come."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from carlos_tasks.arrays import Doubles
from carlos_tasks.commit import alike
from carlos_tasks.commit.alike import COSINE_MIN, NEAREST, add_alike, nearest_of_block
from carlos_tasks.commit.import_published import PROFILE, import_published
from carlos_tasks.lake.catalog import connect
from carlos_tasks.lake.directions import DirectionBlock
from carlos_tasks.lake.transaction import transaction
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from tests.samples import published
from tests.samples.real import Samples
from tests.test_import_published import TABLE

Directions = dict[str, list[float] | None]
#: Of our table and of the published one: degenerate LoRAs, copies, pairs from a cosine of 0.99, 0.98, 0.95 on.
ALIKE = {
    "own": (published.DEGENERATE, published.COPIES, (7, 9, 9)),
    "real": ((159294, 212213, 234730, 510981), (269354, 273996), (8, 10, 15)),
}
PAIRS = "select lora_id, other_id, cosine from core.alike where profile_id = ? order by all"


def add(con: duckdb.DuckDBPyConnection, directions: Directions, profile_id: str = "p") -> int:
    """Insert representations with these Directions and compare what is new."""
    rows = [{"profile_id": profile_id, "lora_id": i, "direction": d} for i, d in directions.items()]
    schema = pa.schema([("profile_id", pa.string()), ("lora_id", pa.string()), ("direction", pa.list_(pa.float32()))])
    con.register("given_rows", pa.Table.from_pylist(rows, schema=schema))
    con.execute(
        "insert into core.representation by name select *, 'measured' as measured, now() as computed_at from given_rows"
    )
    con.unregister("given_rows")
    return add_alike(con, profile_id)


def clusters(n: int, dimension: int = 6, seed: int = 0) -> dict[str, list[float]]:
    """LoRAs around a few directions, of any length."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(n // 8, 1), dimension))
    vectors = centres[rng.integers(len(centres), size=n)] + 0.15 * rng.normal(size=(n, dimension))
    lengths = rng.uniform(0.1, 20, size=(n, 1))
    return {f"{rng.integers(16**8):08x}": row.tolist() for row in (vectors * lengths).astype(np.float32)}


def by_hand(directions: dict[str, list[float]]) -> list[tuple[str, str, float]]:
    """Every pair from the limit on, from the n x n matrix in float64."""
    ids = sorted(directions)
    vectors: Doubles = np.array([directions[i] for i in ids])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (units @ units.T).round(6)
    return [
        (ids[i], ids[j], float(cosines[i, j]))
        for i in range(len(ids))
        for j in range(i + 1, len(ids))
        if cosines[i, j] >= COSINE_MIN
    ]


@pytest.mark.parametrize("block", [4096, 7], ids=["one block", "many blocks"])
def test_pairs_are_those_of_the_whole_matrix(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(alike, "_BLOCK", block)
    monkeypatch.setattr(alike, "_ROWS", 3)
    directions = clusters(60)
    expected = by_hand(directions)
    assert len(expected) > 40
    assert add(lake, dict(directions)) == len(expected)
    found = lake.execute(PAIRS, ["p"]).fetchall()
    assert [pair[:2] for pair in found] == [pair[:2] for pair in expected]
    assert [pair[2] for pair in found] == [pair[2] for pair in expected]


def test_night_after_night_gives_what_one_commit_gives(lake: duckdb.DuckDBPyConnection) -> None:
    directions = clusters(60)
    nights = [dict(list(directions.items())[start : start + 13]) for start in range(0, 60, 13)]
    assert sum(add(lake, dict(night)) for night in nights) == len(by_hand(directions))
    add(lake, dict(directions), "at once")
    assert lake.execute(PAIRS, ["p"]).fetchall() == lake.execute(PAIRS, ["at once"]).fetchall()
    assert add_alike(lake, "p") == 0
    assert lake.execute("select count(*) from core.compared where profile_id = 'p'").fetchall() == [(60,)]


def test_profiles_are_kept_apart(lake: duckdb.DuckDBPyConnection) -> None:
    assert add(lake, {"a": [1.0, 0.0]}, "p") == 0
    assert add(lake, {"b": [1.0, 0.0]}, "q") == 0
    assert add(lake, {"c": [2.0, 0.0]}, "q") == 1


def test_what_has_no_direction_is_alike_nobody(lake: duckdb.DuckDBPyConnection) -> None:
    directions: Directions = {"a": None, "b": [0.0, 0.0], "c": [0.0, 0.0], "d": [float("nan"), 1.0], "e": [1.0, 1.0]}
    assert add(lake, directions) == 0
    assert add(lake, {"f": [2.0, 2.0], "g": [1.0, 1.0, 0.0]}) == 1
    assert lake.execute(PAIRS, ["p"]).fetchall() == [("e", "f", 1.0)]
    assert add_alike(lake, "p") == 0


def test_many_of_the_same_keep_to_the_nearest_and_stay_connected(lake: duckdb.DuckDBPyConnection) -> None:
    n = 3 * NEAREST
    add(lake, {f"{number:03d}": [1.0, 2.0] for number in range(n)})
    rows: list[tuple[Any, ...]] = lake.execute(
        "select other_id, count(*), min(lora_id) from core.alike group by other_id order by other_id"
    ).fetchall()
    assert [count for _, count, _ in rows] == [min(number, NEAREST) for number in range(1, n)]
    assert {first for _, _, first in rows} == {"000"}
    assert lake.execute("select n_loras, sign from mart.shared_direction").fetchall() == [(n, "copy")]


def test_of_many_the_nearest_are_kept() -> None:
    angles = np.linspace(0, 0.4, 2 * NEAREST)
    others = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ids = [f"{n:02d}" for n in range(len(others))]
    blocks = [
        DirectionBlock(pa.table({"lora_id": ids[some]}), others[some], np.ones(len(ids[some])))
        for some in (slice(40, None), slice(None))
    ]
    new = DirectionBlock(pa.table({"lora_id": ["new"]}), np.array([[1.0, 0.0]], np.float32), np.ones(1))
    found = nearest_of_block(new, blocks)
    assert [other for _, other in found["new"]] == ids[:NEAREST]


def test_the_four_degenerate_loras_of_the_published_index_are_noticed(samples: Samples, tmp_path: Path) -> None:
    broken, copies, counts = ALIKE[samples.kind]
    settings = Settings(store=str(tmp_path / "store"), catalog=f"sqlite:{tmp_path / 'c.sqlite'}", profile=PROFILE)
    import_published(settings, samples.folder / TABLE)
    with connect(settings, read_only=False) as con:
        with transaction(con, "compare", {}):
            add_alike(con, load_profile(PROFILE).profile_id)
        groups = con.execute("select sign, lora_ids, n_models from mart.shared_direction").fetchall()
        degenerate = [(lora_ids, n_models) for sign, lora_ids, n_models in groups if sign == "degenerate"]
        assert degenerate == [([f"civitai-{version}" for version in broken], 4)]
        assert [lora_ids for sign, lora_ids, _ in groups if sign == "copy"] == [[f"civitai-{v}" for v in copies]]
        counted = "select count(*) from core.alike where cosine >= ?"
        found = [con.execute(counted, [limit]).fetchall() for limit in (0.99, 0.98, 0.95)]
        assert found == [[(count,)] for count in counts]
        same_effect = "select count(*) from mart.duplicate where kind = 'same_effect'"
        assert con.execute(same_effect).fetchall() == [(counts[1],)]
