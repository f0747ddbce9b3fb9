/* Every object that the catalog names, of every snapshot: data files and delete files. Grain: one row per object.
   carlos_tasks/lake/place.py holds them against the store. A path is relative to the folder of its table and that to the
   folder of its schema, or it stands whole: shards, which DuckLake registered and did not write. */
with file as (
    select table_id, path, path_is_relative, file_size_bytes from __ducklake_metadata_carlos.ducklake_data_file
    union all
    select table_id, path, path_is_relative, file_size_bytes from __ducklake_metadata_carlos.ducklake_delete_file
),

folder as (
    select distinct
        this.table_id,
        case
            when not this.path_is_relative::boolean then this.path
            when not schema.path_is_relative::boolean then schema.path || this.path
            else $data_path || schema.path || this.path
        end as path
    from __ducklake_metadata_carlos.ducklake_table as this
    join __ducklake_metadata_carlos.ducklake_schema as schema using (schema_id)
)

select
    case when file.path_is_relative::boolean then folder.path || file.path else file.path end as url,
    any_value(file.file_size_bytes) as n_bytes
from file
left join folder using (table_id)
group by url
order by url;
