"""No view joins every LoRA of a profile with every other: what each step of its plan puts out, counted."""

import json
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from tests.sql.lake_rows import fill
from tests.sql.test_schema import objects

N = 1_500
# The largest that a step may put out: a profile has some thousand LoRAs and more, and their pairs are a million here.
MOST = 40 * N


@pytest.fixture(scope="module")
def large(shared_lake: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A lake of so many LoRAs, each listed and measured under one profile; one row of everything else is somebody's."""
    con = shared_lake
    con.execute("begin")
    fill(
        con,
        {
            "core.profile": [{"name": "one"}],
            "core.lora": [{"lora_id": "0", "tensors_sha256": "0"}],
            "core.representation": [{"lora_id": "0"}],
            "raw.listing": [{"lora_id": "0", "model_id": "m0"}],
            "core.weight_sketch": [{"lora_id": "0"}],
            "core.outcome": [{"lora_id": "0"}],
        },
    )
    for table, changes in {
        "core.lora": "n::varchar as lora_id, n::varchar as tensors_sha256",
        "core.representation": "n::varchar as lora_id",
        "core.weight_sketch": "n::varchar as lora_id",
        "core.outcome": "n::varchar as lora_id",
        "raw.listing": "n::varchar as lora_id, 'm' || n as model_id",
    }.items():
        con.execute(
            f"insert into {table} by name select own.* replace ({changes}) "  # noqa: S608
            f"from (from {table} where lora_id = '0') as own cross join range(1, {N}) as t(n)"
        )
    yield con
    con.execute("rollback")


def largest_step(plan: Any) -> int:
    """The most rows that a step of a plan put out."""
    own = int(plan.get("operator_cardinality", 0) or 0)
    return max([own, *map(largest_step, plan.get("children", []))])


ASKED = [*sorted(objects("view")), "mart.backlog('p', 'micro-xl')", "mart.refinement('p', 120, 0.98)"]


@pytest.mark.parametrize("name", ASKED)
def test_a_view_joins_no_profile_with_itself(large: duckdb.DuckDBPyConnection, name: str) -> None:
    if name.startswith("core.") or name in {"mart.clip_diff", "mart.commit_log"}:
        pytest.skip("it reads shards or snapshots")
    large.execute("set enable_profiling = 'json'; set profiling_output = ''; set profiling_mode = 'detailed'")
    try:
        ((_, plan),) = large.execute(f"explain (analyze, format json) select * from {name}").fetchall()  # noqa: S608
    finally:
        large.execute("reset enable_profiling")
    assert largest_step(json.loads(plan)) <= MOST
