/* Shards of the sources whose newest reading failed. Grain: one row per shard; the commit that reads the shard removes its
   row. A shard with a row is announced again every night. */
create table if not exists raw.shard_failure (
    source_uri varchar not null,
    shard_key varchar not null,
    reason varchar not null,
    detail varchar not null,
    failing_since timestamptz not null,
    failed_at timestamptz not null
);
comment on table raw.shard_failure is 'Shards whose newest reading failed; one row per shard, until it is read.';
comment on column raw.shard_failure.source_uri is 'URI of the source.';
comment on column raw.shard_failure.shard_key is 'The source''s shard, e.g. models/00001.jsonl.zst.';
comment on column raw.shard_failure.reason is 'Class of the error of the newest failure; killed where the task left none.';
comment on column raw.shard_failure.detail is 'What the newest failure said.';
comment on column raw.shard_failure.failing_since is 'When the first failure since the last good reading was noted.';
comment on column raw.shard_failure.failed_at is 'When the newest failure was noted.';
