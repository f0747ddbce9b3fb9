/* Measured LoRAs of a profile that core.prompt_difference does not have. Parameter: $profile_id.
   Whether there can be any is told first from how many rows its files have, and how many the representations want, of all
   profiles: to look through its rows each night would take longer with every LoRA. */
with
table_of as (
    select this.table_id
    from __ducklake_metadata_carlos.ducklake_table as this
    inner join __ducklake_metadata_carlos.ducklake_schema as schema using (schema_id)
    where this.table_name = 'prompt_difference' and schema.schema_name = 'core' and this.end_snapshot is null
),

held as (
    select coalesce(sum(n_rows), 0) as n_rows
    from (
        select record_count as n_rows
        from __ducklake_metadata_carlos.ducklake_data_file
        where end_snapshot is null and table_id in (from table_of)
        union all
        select -delete_count as n_rows
        from __ducklake_metadata_carlos.ducklake_delete_file
        where end_snapshot is null and table_id in (from table_of)
    )
),

measured as (
    select profile_id, lora_id, n_prompts
    from core.representation
    inner join core.profile using (profile_id)
    where measured = 'measured' and origin is distinct from 'imported'
)

select lora_id
from measured
where
    profile_id = $profile_id
    and (select sum(n_prompts) from measured) is distinct from (select n_rows from held)
    and lora_id not in (select known.lora_id from core.prompt_difference as known where known.profile_id = $profile_id)
order by lora_id;
