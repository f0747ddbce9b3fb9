/* What the sources list, as they say it. Grain: one row per file of a source and state of its record; append-only.
   Nothing in here is trusted: it is what a stranger wrote. Re-uploads: several rows share one lora_id. */
create table if not exists raw.listing (
    source varchar not null,
    model_id varchar not null,
    version_id varchar not null,
    file_id varchar not null,
    seen_at timestamptz not null,
    shard_key varchar not null,
    payload_sha256 varchar,
    lora_id varchar,
    name varchar,
    version_name varchar,
    description varchar,
    creator varchar,
    tags varchar[],
    base_model_claimed varchar,
    trained_words varchar[],
    nsfw_level integer,
    file_name varchar,
    file_format varchar,
    size_bytes bigint,
    sha256_claimed varchar,
    published_at varchar,
    license varchar,
    payload varchar
);
comment on table raw.listing is 'What the sources list, untrusted; one row per file and state of its record, append-only.';
comment on column raw.listing.source is 'URI of the source.';
comment on column raw.listing.model_id is 'The source''s id of the model.';
comment on column raw.listing.version_id is 'The source''s id of the version.';
comment on column raw.listing.file_id is 'The source''s id of the file.';
comment on column raw.listing.seen_at is 'When the source last changed the shard that this record was read from.';
comment on column raw.listing.shard_key is 'The source''s shard, e.g. models/00001.json.';
comment on column raw.listing.payload_sha256 is 'SHA-256 of the payload''s canonical JSON.';
comment on column raw.listing.lora_id is 'SHA-256 of the bytes that were taken in; null when refused.';
comment on column raw.listing.name is 'Name of the model.';
comment on column raw.listing.version_name is 'Name of the version.';
comment on column raw.listing.description is 'Description, as written, with its markup.';
comment on column raw.listing.creator is 'User name of who published it.';
comment on column raw.listing.tags is 'Tags of the model.';
comment on column raw.listing.base_model_claimed is 'Base model as claimed; core.lora.base_model says what the file shows.';
comment on column raw.listing.trained_words is 'Trigger words as claimed.';
comment on column raw.listing.nsfw_level is 'The source''s own rating.';
comment on column raw.listing.file_name is 'Name of the file; never used as a path.';
comment on column raw.listing.file_format is 'Format as claimed.';
comment on column raw.listing.size_bytes is 'Size as claimed.';
comment on column raw.listing.sha256_claimed is 'SHA-256 as claimed, lower-case hexadecimal.';
comment on column raw.listing.published_at is 'When it was published, as the source writes it.';
comment on column raw.listing.license is 'What the source says is allowed, JSON object.';
comment on column raw.listing.payload is 'The record whole, JSON: model, version, file.';
