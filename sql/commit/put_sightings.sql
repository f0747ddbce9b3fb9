/* Notes where the listings of intake files (`seen`, with `taken`: the shards that they are of) were found, for the shards
   that this commit added to raw.shard: the time of a transaction is its own. */
merge into raw.sighting as known
using (
    select source, model_id, version_id, file_id, source_uri, shard_key, payload_sha256, seen_at
    from seen
    inner join taken using (shard_key)
    where kind = 'listing' and exists (
        from raw.shard
        where
            shard.source_uri = taken.source_uri
            and shard.shard_key = taken.shard_key
            and shard.committed_at = now()
    )
) as found
on (
    known.source = found.source
    and known.model_id = found.model_id
    and known.version_id = found.version_id
    and known.file_id = found.file_id
    and known.source_uri = found.source_uri
    and known.shard_key = found.shard_key
)
when matched then update set
    payload_sha256 = found.payload_sha256,
    last_seen_at = found.seen_at,
    read_at = now()
when not matched then insert (
    source,
    model_id,
    version_id,
    file_id,
    source_uri,
    shard_key,
    payload_sha256,
    first_seen_at,
    last_seen_at,
    read_at,
    taken_in_at
) values (
    found.source,
    found.model_id,
    found.version_id,
    found.file_id,
    found.source_uri,
    found.shard_key,
    found.payload_sha256,
    found.seen_at,
    found.seen_at,
    now(),
    now()
);
