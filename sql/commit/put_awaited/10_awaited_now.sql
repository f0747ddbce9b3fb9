/* What the shards of this commit (`taken`) list and their source did not give, by their intake files (`seen`). Grain: one
   row per file and shard, and one with empty ids per shard that lists files without bytes that were not refused. The
   bytes of a web page are a verdict on what a dump or folder holds; what a live source sends is asked for again. */
create or replace temp macro awaited_now() as table
with records as (
    select
        source_uri,
        shard_key,
        kind,
        source,
        model_id,
        version_id,
        file_id,
        lora_id,
        rejection.reason as reason,
        rejection.is_listed as is_listed,
        split_part(source_uri, ':', 1) in ('civitai', 'hub') as is_live
    from seen
    inner join taken using (shard_key)
)

select source_uri, shard_key, source, model_id, version_id, file_id, reason, is_live
from records
where kind = 'rejection' and is_listed
    and (reason in ('missing_file', 'not_public') or (reason = 'web_page' and is_live))
union all
select source_uri, shard_key, '', '', '', '', 'no_bytes', any_value(is_live)
from records
group by source_uri, shard_key
having count(*) filter (kind = 'listing' and lora_id is null) > count(*) filter (is_listed);
