/* Files that were refused, and why. Grain: one row per file of a source and reason; append-only. */
create table if not exists raw.rejection (
    source varchar not null,
    model_id varchar not null,
    version_id varchar not null,
    file_id varchar not null,
    lora_id varchar,
    reason varchar not null,
    detail varchar,
    rejected_at timestamptz not null,
    quarantine_key varchar,
    shard_key varchar not null
);
comment on table raw.rejection is 'Files that were refused; one row per file and reason, append-only.';
comment on column raw.rejection.source is 'URI of the source.';
comment on column raw.rejection.model_id is 'The source''s id of the model.';
comment on column raw.rejection.version_id is 'The source''s id of the version.';
comment on column raw.rejection.file_id is 'The source''s id of the file.';
comment on column raw.rejection.lora_id is 'SHA-256 of the bytes; null when there were none.';
comment on column raw.rejection.reason is 'Code of the reason (carlos_tasks.untrusted.reasons).';
comment on column raw.rejection.detail is 'One sentence for a person.';
comment on column raw.rejection.rejected_at is 'When the refusal was committed.';
comment on column raw.rejection.quarantine_key is 'Where the bytes lie in object storage; null when none were kept.';
comment on column raw.rejection.shard_key is 'The source''s shard.';
