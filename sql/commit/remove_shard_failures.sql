/* Removes what was noted of earlier failures to read the shards of this commit (`taken`): they are read now. */
delete from raw.shard_failure
where (source_uri, shard_key) in (select (source_uri, shard_key) from taken);
