"""The steps of sql/ask/verification/representation/: rows given, rows expected, each small enough to follow by hand."""

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from carlos_tasks.lake.sql_files import sql_files, sql_folder
from carlos_tasks.lake.statements import rows, steps

FOLDER = sql_folder() / "ask" / "verification" / "representation"


def pair(
    prompt_no: int, four_no: int, place: int, x: list[float] | None, y: list[float], **fields: float | None
) -> dict[str, Any]:
    """A row of `pair`, of LoRA 1."""
    return {"lora_no": 1, "prompt_no": prompt_no, "four_no": four_no, "place": place, "x": x, "y": y} | fields


# One LoRA in two dimensions, y = (1, 0) throughout. Prompt 1 has v = (3, 4) and v = (0, 0), prompt 2 has v = (0, 2).
FOURS = [
    {
        "lora_no": 1,
        "prompt_no": prompt_no,
        "zero": [0.0, 0.0],
        "x_a": None,
        "y_a": None,
        "per_a": None,
        "x_b": x,
        "y_b": [1.0, 0.0],
        "per_b": per_length,
        "x_c": x_same,
        "y_c": x_same,
        "per_c": per_same,
        "x_d": None,
        "y_d": None,
        "per_d": None,
    }
    for prompt_no, x, per_length, x_same, per_same in (
        (1, [4.0, 4.0], 0.2, [1.0, 0.0], 0.0),
        (2, [1.0, 2.0], 0.5, None, None),
    )
]
PAIRS = [
    pair(1, 0, 0, [4.0, 4.0], [1.0, 0.0], length=5.0, per_length=0.2, is_flagged=False),
    pair(1, 0, 1, [1.0, 0.0], [1.0, 0.0], length=0.0, per_length=0.0, is_flagged=False),
    pair(2, 0, 0, [1.0, 2.0], [1.0, 0.0], length=2.0, per_length=0.5, is_flagged=False),
    pair(2, 0, 1, [9.0, 0.0], [0.0, 0.0], length=9.0, per_length=1 / 9, is_flagged=True),
]
PROMPT_COMPONENTS = [
    {"lora_no": 1, "prompt_no": 1, "i": 1, "v": 3.0, "u": 0.6, "y": 2.0},
    {"lora_no": 1, "prompt_no": 1, "i": 2, "v": 4.0, "u": 0.8, "y": 0.0},
    {"lora_no": 1, "prompt_no": 2, "i": 1, "v": 0.0, "u": 0.0, "y": 1.0},
    {"lora_no": 1, "prompt_no": 2, "i": 2, "v": 2.0, "u": 1.0, "y": 0.0},
]
COMPONENTS = [
    {"lora_no": 1, "i": 1, "v": 3.0, "u": 0.6, "y": 3.0},
    {"lora_no": 1, "i": 2, "v": 6.0, "u": 1.8, "y": 0.0},
]
PROMPT_SUMS = [
    {
        "lora_no": 1,
        "prompt_no": 1,
        "n": 2,
        "n_nonzero": 1,
        "length": 5.0,
        "u_whole": 1.8,
        "u_own": 1.0,
        "x_own": 41.0,
        "y_own": 4.0,
    },
    {
        "lora_no": 1,
        "prompt_no": 2,
        "n": 1,
        "n_nonzero": 1,
        "length": 2.0,
        "u_whole": 1.8,
        "u_own": 1.0,
        "x_own": 5.0,
        "y_own": 1.0,
    },
]
LORA_SUMS = [
    {
        "lora_no": 1,
        "n": 3,
        "n_nonzero": 2,
        "n_nonzero2": 2,
        "n_prompts": 2,
        "n_nonzero_prompts": 2,
        "length": 7.0,
        "x_spread": 25.5,
        "y_spread": 3.0,
        "u_own": 2.0,
        "direction": [1.0, 2.0],
        "mean_y": [1.0, 0.0],
        "mean_x": [2.0, 2.0],
        "u_norm2": 3.6,
    }
]
# With one prompt left out, one pair that differs is left: no two to compare.
LEFT_OUTS = [
    {"lora_no": 1, "prompt_no": 1, "strength": 2.0, "consistency": None, "between_prompts": None},
    {"lora_no": 1, "prompt_no": 2, "strength": 2.5, "consistency": None, "between_prompts": None},
]

#: step -> its call, the tables that it takes by name, and the rows that it gives
CASES: dict[str, tuple[str, dict[str, list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "wanted": (
        "wanted(['b', 'a', 'b'])",
        {},
        [{"lora_id": "a", "lora_no": 1}, {"lora_id": "b", "lora_no": 2}],
    ),
    "pair": (
        "pair('p', 'loras')",
        {"loras": [{"lora_id": "a", "lora_no": 1}, {"lora_id": "none", "lora_no": 2}]},
        [
            # Seeds are numbered in their order, 0 to 40 by tens: the fifth is of the next four.
            pair(1, 0, 0, [4.0, 4.0], [1.0, 0.0], length=5.0, per_length=0.2, is_flagged=False),
            pair(1, 0, 1, [2.0, 2.0], [2.0, 2.0], length=0.0, per_length=0.0, is_flagged=False),
            pair(1, 1, 0, [0.0, 2.0], [0.0, 0.0], length=2.0, per_length=0.5, is_flagged=True),
            pair(2, 0, 3, None, [1.0, 1.0], length=None, per_length=0.0, is_flagged=True),
        ],
    ),
    "four": (
        "four('pairs')",
        {
            "pairs": [
                pair(1, 0, 0, [4.0], [1.0], length=3.0, per_length=0.5, is_flagged=False),
                pair(1, 0, 2, [9.0], [8.0], length=1.0, per_length=1.0, is_flagged=True),
                pair(1, 0, 3, [5.0], [5.0], length=0.0, per_length=0.0, is_flagged=False),
                pair(1, 1, 1, None, [6.0], length=None, per_length=0.0, is_flagged=True),
            ]
        },
        [
            {
                **{"lora_no": 1, "prompt_no": 1, "zero": [0.0]},
                **{"x_a": [4.0], "x_b": None, "x_c": None, "x_d": [5.0]},
                **{"y_a": [1.0], "y_b": None, "y_c": None, "y_d": [5.0]},
                **{"per_a": 0.5, "per_b": None, "per_c": None, "per_d": 0.0},
            }
        ],
    ),
    "prompt_component": ("prompt_component('fours')", {"fours": FOURS}, PROMPT_COMPONENTS),
    "component": ("component('prompt_components')", {"prompt_components": PROMPT_COMPONENTS}, COMPONENTS),
    "prompt_sum": (
        "prompt_sum('pairs', 'prompt_components', 'components')",
        {"pairs": PAIRS, "prompt_components": PROMPT_COMPONENTS, "components": COMPONENTS},
        PROMPT_SUMS,
    ),
    "lora_sum": (
        "lora_sum('prompt_sums', 'components')",
        {"prompt_sums": PROMPT_SUMS, "components": COMPONENTS},
        LORA_SUMS,
    ),
    "left_out": (
        "left_out('prompt_sums', 'lora_sums')",
        {"prompt_sums": PROMPT_SUMS, "lora_sums": LORA_SUMS},
        LEFT_OUTS,
    ),
    "standard_error": (
        "standard_error('left_outs')",
        {"left_outs": LEFT_OUTS},
        [{"lora_no": 1, "strength_se": 0.25, "consistency_se": None, "between_prompts_se": None}],
    ),
    "flag_count": ("flag_count('pairs')", {"pairs": PAIRS}, [{"lora_no": 1, "n_all": 4, "n_flagged": 1}]),
}


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """The macros, and embeddings of a LoRA and the bare backbone at five seeds, not all of them of both."""
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as carlos; use carlos; create schema core; create schema mart")
        for file in sql_files():
            if file.path.startswith("macros/"):
                con.execute(file.text)
        con.execute(
            "create table shard_row (profile_id varchar, lora_id varchar, prompt_id varchar, seed integer, "
            "embedding float[], flag varchar)"
        )
        con.execute(
            """insert into shard_row values
                ('p', 'base', 'p1', 0, [1, 0], null), ('p', 'a', 'p1', 0, [4, 4], null),
                ('p', 'base', 'p1', 10, [2, 2], null), ('p', 'a', 'p1', 10, [2, 2], null),
                ('p', 'base', 'p1', 20, [1, 1], null),
                ('p', 'base', 'p1', 40, [0, 0], 'black'), ('p', 'a', 'p1', 40, [0, 2], null),
                ('p', 'base', 'p2', 30, [1, 1], null), ('p', 'a', 'p2', 30, null, 'nan'),
                ('p', 'a', 'p1', 50, [9, 9], null), ('q', 'a', 'p1', 20, [9, 9], null)"""
        )
        for step in steps("ask/verification/representation"):
            con.execute(step)
        yield con


@pytest.mark.parametrize("step", sorted(CASES))
def test_a_step_makes_of_rows_what_it_says(con: duckdb.DuckDBPyConnection, step: str) -> None:
    call, given, expected = CASES[step]
    for name, its_rows in given.items():
        con.register(name, pa.Table.from_pylist(its_rows))
    found = rows(con, f"from {call} order by all")
    for row, wanted in zip(found, expected, strict=True):
        assert set(row) == set(wanted)
        for name, value in wanted.items():
            assert row[name] == pytest.approx(value), name


def test_every_step_is_tested_and_makes_the_temporary_macro_that_it_is_named_after() -> None:
    assert {path.stem for path in FOLDER.glob("*.sql")} == set(CASES)
    for path in FOLDER.glob("*.sql"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"create or replace temp macro (\w+)\(", text) == [path.stem]
        assert "Grain: one row per" in " ".join(text.partition("*/")[0].split())


def test_the_catalog_keeps_none_of_them(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute("select distinct database_name from duckdb_functions() where function_name = 'prompt_sum'")
    assert found.fetchall() == [("temp",)]
