/* What became of each listed file. Grain: one row per file of a source that was listed once. State:
   - taken_down: the source says so in the record (mode TakenDown), or answered that it is gone and has not listed it since
   - vanished: every shard that held it was read again, to its end, without it
   - archived: the source says so in the record (mode Archived)
   - listed: none of these
   `since` is when the state began, as the source dates its shards, and not before the record was last found; `known_at`
   is when the commit was made that took it in here, which may be much later. A LoRA and its metadata stay whatever the
   state. */
create or replace view mart.listing_history as
with
-- A shard that was read again, to its end, without the record: the first such read after the record was last found.
dropped as (
    select
        sighting.source,
        sighting.model_id,
        sighting.version_id,
        sighting.file_id,
        sighting.source_uri,
        sighting.shard_key,
        -- It was still there when it was last found, whatever the time that a shard without it bears.
        greatest(min(shard.last_modified), max(sighting.read_at)) as dropped_at,
        min(shard.committed_at) as drop_known_at
    from raw.sighting as sighting
    inner join raw.shard as shard
        on
            sighting.source_uri = shard.source_uri
            and sighting.shard_key = shard.shard_key
            and sighting.read_at < shard.committed_at
            and shard.is_complete
    group by all
),

seen as (
    select
        source,
        model_id,
        version_id,
        file_id,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(read_at) as read_at,
        min(taken_in_at) as taken_in_at,
        arg_max(source_uri, (dropped_at is null, read_at, shard_key)) as source_uri,
        arg_max(shard_key, (dropped_at is null, read_at, shard_key)) as shard_key,
        arg_max(payload_sha256, (dropped_at is null, read_at, shard_key)) as payload_sha256,
        case when count(*) = count(dropped_at) then max(dropped_at) end as vanished_at,
        max(drop_known_at) as vanish_known_at
    from raw.sighting
    left join dropped using (source, model_id, version_id, file_id, source_uri, shard_key)
    group by source, model_id, version_id, file_id
),

-- The bytes may have arrived later than the record, so its state can have two rows of raw.listing.
told as (
    select
        source,
        model_id,
        version_id,
        file_id,
        payload_sha256,
        max(lora_id) as lora_id,
        any_value(name) as name,
        lower(any_value(payload ->> '$.model.mode')) as mode,
        min(seen_at) as told_at,
        min(taken_in_at) as told_here_at
    from raw.listing
    group by all
),

-- A model that is gone takes its versions and files with it.
gone as (
    select
        seen.source,
        seen.model_id,
        seen.version_id,
        seen.file_id,
        min(rejection.rejected_at) as gone_at
    from seen
    inner join raw.rejection as rejection
        on
            seen.source = rejection.source
            and seen.model_id = rejection.model_id
            and rejection.version_id in ('', seen.version_id)
            and rejection.file_id in ('', seen.file_id)
            and seen.read_at < rejection.rejected_at
            and rejection.reason = 'taken_down'
    group by all
),

judged as (
    select
        seen.*,
        told.lora_id,
        told.name,
        told.told_at,
        told.told_here_at,
        gone.gone_at,
        case
            when gone.gone_at is not null or told.mode = 'takendown' then 'taken_down'
            when seen.vanished_at is not null then 'vanished'
            when told.mode = 'archived' then 'archived'
            else 'listed'
        end as state
    from seen
    left join told using (source, model_id, version_id, file_id, payload_sha256)
    left join gone using (source, model_id, version_id, file_id)
)

select
    source,
    model_id,
    version_id,
    file_id,
    name,
    lora_id,
    state,
    case state
        when 'taken_down' then coalesce(gone_at, told_at)
        when 'vanished' then vanished_at
        when 'archived' then told_at
        else first_seen_at
    end as since,
    case state
        when 'taken_down' then coalesce(gone_at, told_here_at)
        when 'vanished' then vanish_known_at
        when 'archived' then told_here_at
        else taken_in_at
    end as known_at,
    taken_in_at,
    first_seen_at,
    last_seen_at,
    source_uri,
    shard_key
from judged;
comment on view mart.listing_history is 'What became of each listed file: listed, archived, taken_down or vanished, and since when.';
