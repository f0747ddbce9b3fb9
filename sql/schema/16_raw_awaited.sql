/* What a source listed and did not give, and what is asked for again. Grain: one row per file of a source and shard, and
   one with empty ids per shard that lists files whose bytes nobody refused: those of a dump of metadata alone, or of a
   live source in whose place something else answered. The commit that reads the shard keeps what is still awaited. */
create table if not exists raw.awaited (
    source_uri varchar not null,
    shard_key varchar not null,
    source varchar not null,
    model_id varchar not null,
    version_id varchar not null,
    file_id varchar not null,
    reason varchar not null,
    since timestamptz not null,
    asked_at timestamptz not null
);
comment on table raw.awaited is 'Files that a source lists and did not give; one row per file and shard, until it is had.';
comment on column raw.awaited.source_uri is 'URI of the source.';
comment on column raw.awaited.shard_key is 'The source''s shard that lists the file.';
comment on column raw.awaited.source is 'Source, as in raw.listing; empty for the shard as a whole.';
comment on column raw.awaited.model_id is 'The source''s id of the model.';
comment on column raw.awaited.version_id is 'The source''s id of the version.';
comment on column raw.awaited.file_id is 'The source''s id of the file.';
comment on column raw.awaited.reason is 'Reason of the refusal as in raw.rejection; no_bytes for the shard as a whole.';
comment on column raw.awaited.since is 'When it was first committed that the source does not give it.';
comment on column raw.awaited.asked_at is 'When it was last asked for; of a dump, when its reason last changed.';

-- What was refused before there was this table. A row too many costs one reading of its shard, which removes it.
insert into raw.awaited
with taken_in as (
    select distinct source, model_id, version_id, file_id
    from raw.listing
    where lora_id is not null
),

refused as (
    select source, model_id, version_id, file_id, arg_max(reason, rejected_at) as reason, max(rejected_at) as refused_at
    from raw.rejection
    group by all
),

without_bytes as (
    select
        sighting.source_uri,
        sighting.shard_key,
        sighting.source,
        sighting.model_id,
        sighting.version_id,
        sighting.file_id,
        refused.reason,
        coalesce(refused.refused_at, sighting.read_at) as refused_at
    from raw.sighting as sighting
    anti join taken_in using (source, model_id, version_id, file_id)
    left join refused using (source, model_id, version_id, file_id)
),

awaited as (
    select *
    from without_bytes
    where reason in ('missing_file', 'not_public')
        or (reason = 'web_page' and split_part(source_uri, ':', 1) in ('civitai', 'hub'))
    union all
    select source_uri, shard_key, '', '', '', '', 'no_bytes', max(refused_at)
    from without_bytes
    where reason is null
    group by source_uri, shard_key
)

select *, refused_at as asked_at
from awaited
anti join raw.awaited as known using (source_uri, shard_key, source, model_id, version_id, file_id);
