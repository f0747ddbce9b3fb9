/* Removes what was awaited of the shards of this commit (`taken`) and is not any more: it was had, refused for good, or is
   listed no more. It follows `put_awaited`, whose step tells what is awaited now. */
delete from raw.awaited as known
where (known.source_uri, known.shard_key) in (select (source_uri, shard_key) from taken)
    and not exists (
        from awaited_now() as awaited
        where
            awaited.source_uri = known.source_uri
            and awaited.shard_key = known.shard_key
            and awaited.source = known.source
            and awaited.model_id = known.model_id
            and awaited.version_id = known.version_id
            and awaited.file_id = known.file_id
    );
