/* Appends the shards that were read (`taken`, a registered table with the columns of raw.shard but the time) and are not
   in the state of their newest row. That a shard is gone says nothing of one that was never there. */
insert into raw.shard by name
with newest as (
    from raw.shard
    qualify row_number() over (partition by source_uri, shard_key order by committed_at desc) = 1
)

select taken.*, now() as committed_at
from taken
where
    (taken.etag <> '' or (taken.source_uri, taken.shard_key) in (select (source_uri, shard_key) from newest))
    and not exists (
        from newest as known
        where
            known.source_uri = taken.source_uri
            and known.shard_key = taken.shard_key
            and known.etag = taken.etag
            -- When the absence of a shard was noticed is no state of it.
            and (known.last_modified = taken.last_modified or taken.etag = '')
            and known.checks_version = taken.checks_version
            and known.base_models is not distinct from taken.base_models
            and known.max_bytes = taken.max_bytes
            and known.is_complete = taken.is_complete
            and known.n_records = taken.n_records
            and known.n_listings = taken.n_listings
            and known.n_rejections = taken.n_rejections
    )
order by source_uri, shard_key;
