"""What each measured LoRA does to each prompt (`core.prompt_difference`), computed once, when it is committed."""

import duckdb

from carlos_tasks.lake.statements import run_statement

# LoRAs whose pairs are in memory together, as in the commit of their representations.
_LORAS_AT_ONCE = 16

# Which LoRAs are there already is told from the files' paths: reading the column would open one file per LoRA.
_LACKING = """
with done as (
    select regexp_extract(data_file, 'profile_id=([^/]+)/lora_id=([^/]+)/', ['profile_id', 'lora_id']) as place
    from ducklake_list_files('carlos', 'prompt_difference', schema => 'core')
)

select lora_id
from core.representation
inner join core.profile using (profile_id)
where
    profile_id = $profile_id
    and measured = 'measured'
    and origin is distinct from 'imported'
    and lora_id not in (select url_decode(place.lora_id) from done where place.profile_id = $profile_id)
order by lora_id
"""


def add_prompt_differences(con: duckdb.DuckDBPyConnection, profile_id: str) -> int:
    """Insert the mean differences by prompt of every measured LoRA that has none yet, some LoRAs at a time.

    Run it inside a transaction, once, after the representations were inserted. A lake of before this table is filled by
    its next commit.

    Returns:
        Number of rows added, one per LoRA and prompt.
    """
    lacking = [lora_id for (lora_id,) in con.execute(_LACKING, {"profile_id": profile_id}).fetchall()]
    return sum(
        run_statement(
            con,
            "insert_prompt_difference",
            {"profile_id": profile_id, "lora_ids": lacking[start : start + _LORAS_AT_ONCE]},
        )
        for start in range(0, len(lacking), _LORAS_AT_ONCE)
    )
