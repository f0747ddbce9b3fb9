/* How many rows core.prompt_difference has, as the catalog counts its files, and how many the representations want, of all
   profiles: whether any LoRA lacks its own is told without looking through them, which would take longer with every LoRA.
   Grain: one row. */
with
table_of as (
    select this.table_id
    from __ducklake_metadata_carlos.ducklake_table as this
    inner join __ducklake_metadata_carlos.ducklake_schema as schema using (schema_id)
    where this.table_name = 'prompt_difference' and schema.schema_name = 'core' and this.end_snapshot is null
),

held as (
    select record_count as n_rows
    from __ducklake_metadata_carlos.ducklake_data_file
    where end_snapshot is null and table_id in (from table_of)
    union all
    select -delete_count as n_rows
    from __ducklake_metadata_carlos.ducklake_delete_file
    where end_snapshot is null and table_id in (from table_of)
),

wanted as (
    select sum(n_prompts) as n_rows
    from core.representation
    semi join (select profile_id from core.profile where origin is distinct from 'imported') using (profile_id)
    where measured = 'measured'
)

select
    (select coalesce(sum(n_rows), 0) from held) as n_held,
    (select coalesce(sum(n_rows), 0) from wanted) as n_wanted;
