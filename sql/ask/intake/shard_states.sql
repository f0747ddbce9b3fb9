/* What the lake has read of a source. Grain: one row per shard that was read, or that could not be. `etag` is the state
   that the newest reading found, empty where the shard was gone; `etag_under_rules` is the state that the newest reading
   under these rules found. They differ where several deployments with rules of their own read one source. `missing` are
   files that it lists and that were not there, with an empty id where it was metadata alone. `asked_at` is set where
   something else is due that its source did not give. An answer that was not its own is due at once; a refusal after a
   pause as long as it has lasted, at most 30 days, and what was missing after a day at least. The hour less makes up for
   nights that begin a little earlier. */
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
),

awaited as (
    select
        shard_key,
        list(file_id) filter (reason in ('missing_file', 'no_bytes')) as missing,
        min(asked_at) filter (
            reason = 'no_bytes'
            or now() >= asked_at - interval 1 hour + greatest(
                least(asked_at - since, interval 30 days),
                case reason when 'missing_file' then interval 1 day else interval 0 days end
            )
        ) as asked_at
    from raw.awaited
    where source_uri = $source_uri
    group by shard_key
)

select
    shard_key,
    etag,
    etag_under_rules,
    coalesce(has_failed, false) as has_failed,
    coalesce(missing, []) as missing,
    asked_at
from readings
full join failures using (shard_key)
left join awaited using (shard_key);
