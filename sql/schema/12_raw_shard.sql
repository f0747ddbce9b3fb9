/* Shards of the sources as they were taken in. Grain: one row per read that found a shard in another state than the
   read before; append-only. The newest rows of a shard tell whether it has to be read again (ask/shard_states.sql). */
create table if not exists raw.shard (
    source_uri varchar not null,
    shard_key varchar not null,
    etag varchar not null,
    last_modified timestamptz not null,
    checks_version integer not null,
    base_models varchar[],
    max_bytes bigint not null,
    is_complete boolean not null,
    n_records bigint not null,
    n_listings bigint not null,
    n_rejections bigint not null,
    committed_at timestamptz not null
);
comment on table raw.shard is 'Shards as taken in; one row per read that found another state, append-only.';
comment on column raw.shard.source_uri is 'URI of the source.';
comment on column raw.shard.shard_key is 'The source''s shard, e.g. models/00001.jsonl.zst.';
comment on column raw.shard.etag is 'State of the shard''s bytes; empty when the shard is gone from the source.';
comment on column raw.shard.last_modified is 'When the source last changed it; when that was noticed, for one that is gone.';
comment on column raw.shard.checks_version is 'Version of the checks that judged its files.';
comment on column raw.shard.base_models is 'Base models that were taken in; null: every one.';
comment on column raw.shard.max_bytes is 'Size above which files were refused.';
comment on column raw.shard.is_complete is 'False where the shard broke off: what is not in it may still be listed.';
comment on column raw.shard.n_records is 'Records that the reader counted.';
comment on column raw.shard.n_listings is 'Records that were listed and not refused.';
comment on column raw.shard.n_rejections is 'Records that were refused.';
comment on column raw.shard.committed_at is 'When this read was committed.';
