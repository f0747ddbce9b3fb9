/* Makes the shards that an older version registered as files of the catalog rows of the manifest, without their hashes,
   which `carlos verify` adds. Only files that the newest snapshot has. */
insert into core.embedding_shard by name
with place as (
    select
        file.record_count as n_pairs,
        file.file_size_bytes as size_bytes,
        regexp_extract(file.path, 'shards/[^/]+/[^/]+/[^/]+$') as key,
        regexp_extract(
            file.path,
            'shards/profile_id=([^/]+)/lora_id=([^/]+)/(\d+)\.parquet$',
            ['profile_id', 'lora_id', 'number']
        ) as part
    from __ducklake_metadata_carlos.ducklake_data_file as file
    inner join __ducklake_metadata_carlos.ducklake_table as this using (table_id)
    inner join __ducklake_metadata_carlos.ducklake_schema as schema using (schema_id)
    where
        this.table_name = 'embedding'
        and schema.schema_name = 'core'
        and this.end_snapshot is null
        and file.end_snapshot is null
)

select
    part.profile_id,
    part.lora_id,
    part.number::integer as number,
    key,
    size_bytes,
    n_pairs,
    false as is_sealed,
    (select max(snapshot_id) + 1 from __ducklake_metadata_carlos.ducklake_snapshot) as snapshot_id,
    now() as recorded_at
from place
where key not in (select known.key from core.embedding_shard as known)
order by part.profile_id, part.lora_id, part.number;
