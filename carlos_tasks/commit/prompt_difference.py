"""What each measured LoRA does to each prompt (`core.prompt_difference`): who lacks that, and letting go of it."""

from collections.abc import Sequence

import duckdb

from carlos_tasks.lake.data_files import data_files, let_go
from carlos_tasks.lake.statements import rows, statement


def lacking_loras(con: duckdb.DuckDBPyConnection, profile_id: str) -> list[str]:
    """Measured LoRAs that have no differences by prompt, sorted: a lake of before this table has such."""
    return [
        row["lora_id"]
        for row in rows(con, statement("ask/commit/without_prompt_difference"), {"profile_id": profile_id})
    ]


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
