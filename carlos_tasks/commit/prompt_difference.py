"""What each measured LoRA does to each prompt (`core.prompt_difference`), computed once, when it is committed."""

import duckdb

from carlos_tasks.lake.statements import rows, run_statement, statement

# LoRAs whose pairs are in memory together, as in the commit of their representations.
_LORAS_AT_ONCE = 16


def add_prompt_differences(con: duckdb.DuckDBPyConnection, profile_id: str) -> int:
    """Insert the mean differences by prompt of every measured LoRA that has none yet, some LoRAs at a time.

    Run it inside a transaction, once, after the representations were inserted. A lake of before this table is filled by
    its next commit.

    Returns:
        Number of rows added, one per LoRA and prompt.
    """
    found = rows(con, statement("ask/commit/without_prompt_difference"), {"profile_id": profile_id})
    lacking = [row["lora_id"] for row in found]
    return sum(
        run_statement(
            con,
            "insert_prompt_difference",
            {"profile_id": profile_id, "lora_ids": lacking[start : start + _LORAS_AT_ONCE]},
        )
        for start in range(0, len(lacking), _LORAS_AT_ONCE)
    )
