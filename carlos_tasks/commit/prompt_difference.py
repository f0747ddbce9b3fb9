"""What each measured LoRA does to each prompt (`core.prompt_difference`), computed once, when it is committed."""

from collections.abc import Sequence

import duckdb

from carlos_tasks.lake.data_files import data_files, let_go
from carlos_tasks.lake.statements import rows, run_statement, statement

# LoRAs whose pairs are in memory together, as in the commit of their representations.
_LORAS_AT_ONCE = 16


def lacking_loras(con: duckdb.DuckDBPyConnection, profile_id: str) -> list[str]:
    """Measured LoRAs that have no differences by prompt, sorted: a lake of before this table has such."""
    return [
        row["lora_id"]
        for row in rows(con, statement("ask/commit/without_prompt_difference"), {"profile_id": profile_id})
    ]


def add_prompt_differences(con: duckdb.DuckDBPyConnection, profile_id: str, left_out: Sequence[str] = ()) -> int:
    """Insert the mean differences by prompt of every measured LoRA that has none yet, some LoRAs at a time.

    Run it inside a transaction, once, after the representations were inserted. A lake of before this table is filled by
    its next commit.

    Args:
        left_out: LoRAs whose shards cannot be read.

    Returns:
        Number of rows added, one per LoRA and prompt.
    """
    lacking = [lora_id for lora_id in lacking_loras(con, profile_id) if lora_id not in set(left_out)]
    return sum(
        run_statement(
            con,
            "insert_prompt_difference",
            {"profile_id": profile_id, "lora_ids": lacking[start : start + _LORAS_AT_ONCE]},
        )
        for start in range(0, len(lacking), _LORAS_AT_ONCE)
    )


def forget_prompt_differences(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> None:
    """Let go of some LoRAs' differences by prompt, so that the commit computes them anew; outside a transaction."""
    if not lora_ids:
        return
    places = [f"/profile_id={profile_id}/lora_id={lora_id}/" for lora_id in lora_ids]
    keys = [
        file.key
        for file in data_files(con)
        if file.table == "core.prompt_difference" and any(place in file.key for place in places)
    ]
    let_go(con, "core.prompt_difference", keys)
