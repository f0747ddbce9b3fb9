/* The files behind the lake's tables, of every snapshot: data files and delete files. Grain: one row per file and the
   snapshot that it came with. A path is relative to the folder of its table and that to the folder of its schema, or it
   stands whole: shards that an older version registered. Parameters: $data_path, with its last slash, and
   $after: files that came with later snapshots only (-1: all). */
with file as (
    select table_id, path, path_is_relative, begin_snapshot, end_snapshot, data_file_id, file_size_bytes, partial_max
    from __ducklake_metadata_carlos.ducklake_data_file
    union all
    select table_id, path, path_is_relative, begin_snapshot, end_snapshot, null as data_file_id, file_size_bytes, null
    from __ducklake_metadata_carlos.ducklake_delete_file
),

place as (
    select distinct
        this.table_id,
        schema.schema_name || '.' || this.table_name as table_name,
        case
            when not this.path_is_relative::boolean then this.path
            when not schema.path_is_relative::boolean then schema.path || this.path
            else $data_path || schema.path || this.path
        end as folder
    from __ducklake_metadata_carlos.ducklake_table as this
    inner join __ducklake_metadata_carlos.ducklake_schema as schema using (schema_id)
)

select
    any_value(place.table_name) as table_name,
    if(file.path_is_relative::boolean, place.folder || file.path, file.path) as url,
    bool_or(file.path_is_relative::boolean) as is_own,
    file.begin_snapshot,
    -- A file that was merged has rows of several snapshots.
    max(coalesce(file.partial_max, file.begin_snapshot)) as last_snapshot,
    bool_or(file.end_snapshot is null) as is_current,
    max(file.file_size_bytes) as n_bytes,
    any_value(file.data_file_id) as data_file_id
from file
left join place using (table_id)
where file.begin_snapshot > $after or file.data_file_id >= $from_file
group by url, begin_snapshot
order by begin_snapshot, url;
