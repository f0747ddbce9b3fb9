"""Asking by a LoRA: its Direction is the part's vector."""

import duckdb
import numpy as np
import pytest

from carlos_tasks.errors import CarlosError, NotFound
from carlos_tasks.profiles.profile import Profile
from carlos_tasks.retrieval.query_parts import lora_part
from tests.retrieval.directions_in_lake import put

LONG = "ab" * 32


@pytest.fixture
def index(lake: duckdb.DuckDBPyConnection, micro: Profile) -> duckdb.DuckDBPyConnection:
    directions = {LONG: [1, 2], "civitai-21": [3, 0], "civitai-212": [0, 4], "c1": None, "d1": [0, 0]}
    put(lake, micro.profile_id, {key: v and np.array(v, dtype=np.float32) for key, v in directions.items()})
    return lake


def test_first_digits_suffice(index: duckdb.DuckDBPyConnection, micro: Profile) -> None:
    # A whole id names its LoRA, though another one begins with it.
    for lora_id, found, asked, vector in (
        ("AB", LONG, "like abababababab", [1, 2]),
        ("civitai-212", "civitai-212", "like civitai-212", [0, 4]),
        ("civitai-21", "civitai-21", "like civitai-21", [3, 0]),
    ):
        whole, part = lora_part(index, micro, lora_id, -0.5)
        assert (whole, part.asked, part.weight) == (found, asked, -0.5)
        np.testing.assert_array_equal(part.vector, np.array(vector, dtype=np.float32))


def test_an_id_must_name_one_lora_with_a_direction(index: duckdb.DuckDBPyConnection, micro: Profile) -> None:
    for lora_id, fault, message in (
        ("", NotFound, "no LoRA ''"),
        ("f", NotFound, "no LoRA 'f'"),
        ("%", NotFound, "no LoRA '%'"),
        ("' or true --", NotFound, "no LoRA"),
        ("civ", NotFound, "more than one LoRA id begins with"),
        ("c1", CarlosError, "has no Direction"),
        ("d1", CarlosError, "Direction of length 0"),
    ):
        with pytest.raises(fault, match=message):
            lora_part(index, micro, lora_id, 1)
