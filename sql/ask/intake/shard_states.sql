/* What the lake has read of a source. Grain: one row per shard that was read, or that could not be. `etag` is the state
   that the newest reading found, empty where the shard was gone; `etag_under_rules` is the state that the newest reading
   under these rules found. They differ where several deployments with rules of their own read one source. */
with readings as (
    select
        shard_key,
        arg_max(etag, committed_at) as etag,
        arg_max(etag, committed_at) filter (
            checks_version = $checks_version
            and base_models is not distinct from $base_models::varchar[]
            and max_bytes = $max_bytes
        ) as etag_under_rules
    from raw.shard
    where source_uri = $source_uri
    group by shard_key
),

failures as (
    select
        shard_key,
        true as has_failed
    from raw.shard_failure
    where source_uri = $source_uri
)

select
    shard_key,
    etag,
    etag_under_rules,
    coalesce(has_failed, false) as has_failed
from readings
full join failures using (shard_key);
