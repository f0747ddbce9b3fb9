/* Takes data files out of the newest snapshot without reading them: SQL's own delete would have to, and their bytes are
   gone. Snapshots before still name them, so that what they say of other files stands. Parameter: $data_file_ids. It
   writes to the catalog's own tables, so it runs outside a transaction of the lake. */
update __ducklake_metadata_carlos.ducklake_data_file
set end_snapshot = (select max(snapshot_id) from __ducklake_metadata_carlos.ducklake_snapshot)
where end_snapshot is null and list_contains($data_file_ids::bigint[], data_file_id);
