/* Takes what DuckLake did not write off its list of files to delete: shards that an older version registered, and that are
   rows of core.embedding_shard now. It writes to the catalog's own tables, so it runs outside a transaction of the lake. */
delete from __ducklake_metadata_carlos.ducklake_files_scheduled_for_deletion
where not path_is_relative::boolean and regexp_matches(path, '/shards/profile_id=[^/]+/lora_id=[^/]+/[^/]+$');
