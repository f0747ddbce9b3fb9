/* Tables of many small files, those that the newest snapshot has. Parameters: $at_least files, each of less than
   $small_bytes. Grain: one row per table, sorted. */
select
    schema.schema_name || '.' || this.table_name as "table",
    count(*) as n_files,
    sum(file.file_size_bytes)::bigint as n_bytes
from __ducklake_metadata_carlos.ducklake_data_file as file
inner join __ducklake_metadata_carlos.ducklake_table as this using (table_id)
inner join __ducklake_metadata_carlos.ducklake_schema as schema using (schema_id)
where file.end_snapshot is null and this.end_snapshot is null and file.file_size_bytes < $small_bytes
group by "table"
having count(*) >= $at_least
order by "table";
