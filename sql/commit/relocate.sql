/* Another place of the store, written into every path of the catalog that stands whole; no snapshot comes of it, and all
   of them are found there. The first statement says by its count whether the lake still lay where it was thought to lie.
   Parameters: $was and $now, each ending with a slash. carlos_tasks/lake/relocation.py runs them in one transaction. */
update __ducklake_metadata_carlos.ducklake_metadata set value = $now || 'lake/'
where key = 'data_path' and value = $was || 'lake/';

update __ducklake_metadata_carlos.ducklake_schema set path = $now || substr(path, length($was) + 1)
where not path_is_relative::boolean and starts_with(path, $was);

update __ducklake_metadata_carlos.ducklake_table set path = $now || substr(path, length($was) + 1)
where not path_is_relative::boolean and starts_with(path, $was);

update __ducklake_metadata_carlos.ducklake_data_file set path = $now || substr(path, length($was) + 1)
where not path_is_relative::boolean and starts_with(path, $was);

update __ducklake_metadata_carlos.ducklake_delete_file set path = $now || substr(path, length($was) + 1)
where not path_is_relative::boolean and starts_with(path, $was);

update __ducklake_metadata_carlos.ducklake_files_scheduled_for_deletion
set path = $now || substr(path, length($was) + 1)
where not path_is_relative::boolean and starts_with(path, $was);
