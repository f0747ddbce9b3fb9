"""Search over a real lake: LoRAs without a Direction lie beside the others and disturb nobody."""

from typing import Any

import duckdb
import numpy as np
import pytest

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.profile import Profile
from carlos_tasks.retrieval import search, show, similar
from carlos_tasks.retrieval.query import query_vector
from carlos_tasks.settings import Settings

Vector = np.ndarray[Any, np.dtype[np.float32]]


def put(lake: duckdb.DuckDBPyConnection, micro: Profile, rows: dict[str, Vector | None]) -> None:
    """Representations under the micro profile, in one insert and so in one parquet file."""
    lake.execute(
        "insert into core.representation by name "
        "select $profile_id as profile_id, unnest($ids) as lora_id, unnest($measured) as measured, "
        "unnest($directions::float[][]) as direction, 5.0 as strength, 0.5 as consistency, now() as computed_at",
        {
            "profile_id": micro.profile_id,
            "ids": list(rows),
            "measured": ["degenerate" if direction is None else "measured" for direction in rows.values()],
            "directions": [None if direction is None else direction.tolist() for direction in rows.values()],
        },
    )


@pytest.fixture
def stripes(micro: Profile) -> Vector:
    return query_vector(micro, "a striped picture")


@pytest.fixture
def index(lake: duckdb.DuckDBPyConnection, settings: Settings, micro: Profile, stripes: Vector) -> Settings:
    """Settings of a lake with five LoRAs, two of them without a Direction."""
    other = np.roll(stripes, 7)
    put(lake, micro, {"a1": other, "a2": None, "b1": stripes * 3, "c1": None, "b2": stripes + other})
    return settings


def test_the_nearest_comes_first_whatever_lies_beside_it(index: Settings) -> None:
    hits = search(index, "a striped picture", k=9)
    assert [hit["lora_id"] for hit in hits] == ["b1", "b2", "a1"]
    assert hits[0]["score"] == pytest.approx(1.0)


def test_similar_takes_the_first_digits_of_an_id(index: Settings) -> None:
    assert [hit["lora_id"] for hit in similar(index, "B1", k=1)] == ["b2"]


def test_a_lora_without_a_direction_has_nothing_similar(index: Settings) -> None:
    with pytest.raises(CarlosError, match=r"no Direction \(status degenerate\)"):
        similar(index, "c1")


@pytest.mark.parametrize(("lora_id", "message"), [("f", "no LoRA 'f'"), ("", "no LoRA ''"), ("a", "more than one")])
def test_an_id_must_name_one_lora(index: Settings, lora_id: str, message: str) -> None:
    with pytest.raises(NotFound, match=message):
        show(index, lora_id)


def test_k_is_at_least_one(index: Settings) -> None:
    with pytest.raises(CarlosError, match="at least one"):
        search(index, "striped", k=0)
