"""What each measured LoRA does to each prompt (`core.prompt_difference`): who lacks that, and letting go of it."""

from collections.abc import Sequence

import duckdb

from carlos_tasks.lake.statements import rows, run_statement, statement


def lacking_loras(con: duckdb.DuckDBPyConnection, profile_id: str) -> list[str]:
    """Measured LoRAs that have no differences by prompt, sorted: a lake of before this table has such.

    Ask it outside a transaction, which would have rows that the catalog does not count yet.
    """
    (counts,) = rows(con, statement("ask/commit/prompt_difference_counts"))
    if counts["n_held"] == counts["n_wanted"]:
        return []
    return [
        row["lora_id"]
        for row in rows(con, statement("ask/commit/without_prompt_difference"), {"profile_id": profile_id})
    ]


def forget_prompt_differences(con: duckdb.DuckDBPyConnection, profile_id: str, lora_ids: Sequence[str]) -> None:
    """Forget some LoRAs' differences by prompt, so that the commit computes them anew; run it inside a transaction."""
    if lora_ids:
        run_statement(con, "remove_prompt_differences", {"profile_id": profile_id, "lora_ids": list(lora_ids)})
