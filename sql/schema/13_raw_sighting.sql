/* Where each listed file was last seen. Grain: one row per file of a source and shard that has held it; updated by the
   commit. A file that moved from one shard to another has two rows, and the newer one shows that it is still listed. */
create table if not exists raw.sighting (
    source varchar not null,
    model_id varchar not null,
    version_id varchar not null,
    file_id varchar not null,
    source_uri varchar not null,
    shard_key varchar not null,
    payload_sha256 varchar,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    read_at timestamptz not null
);
comment on table raw.sighting is 'Where each listed file was last seen; one row per file of a source and shard.';
comment on column raw.sighting.source is 'Source, as in raw.listing.';
comment on column raw.sighting.model_id is 'The source''s id of the model.';
comment on column raw.sighting.version_id is 'The source''s id of the version.';
comment on column raw.sighting.file_id is 'The source''s id of the file.';
comment on column raw.sighting.source_uri is 'URI of the source that was read.';
comment on column raw.sighting.shard_key is 'Shard that held the record.';
comment on column raw.sighting.payload_sha256 is 'State of the record when it was last seen; leads to raw.listing.';
comment on column raw.sighting.first_seen_at is 'Change time of the shard when it first held the record.';
comment on column raw.sighting.last_seen_at is 'Change time of the shard when it last held the record.';
comment on column raw.sighting.read_at is 'committed_at of the newest row of raw.shard whose read found the record.';
