/* LoRA files that passed the checks. Grain: one row per lora_id, the SHA-256 of the bytes. */
create table if not exists core.lora (
    lora_id varchar not null,
    family varchar,
    base_model varchar,
    base_model_evidence varchar,
    rank integer,
    n_modules integer,
    trigger_words varchar[],
    size_bytes bigint,
    metadata varchar,
    file_key varchar,
    first_seen_at timestamptz not null
);
comment on table core.lora is 'LoRA files that passed the checks; one row per lora_id.';
comment on column core.lora.lora_id is 'SHA-256 of the file''s bytes.';
comment on column core.lora.family is 'Key family: how the file names its tensors.';
comment on column core.lora.base_model is 'Backbone that the file fits, told from its tensors.';
comment on column core.lora.base_model_evidence is 'How the backbone was told.';
comment on column core.lora.rank is 'Largest rank of its modules.';
comment on column core.lora.n_modules is 'Layers that the file patches.';
comment on column core.lora.trigger_words is 'Trigger words, from the file or its listing.';
comment on column core.lora.size_bytes is 'Size of the file.';
comment on column core.lora.metadata is 'Metadata of the file''s header, JSON object, untrusted.';
comment on column core.lora.file_key is 'Where the bytes lie in object storage.';
comment on column core.lora.first_seen_at is 'When a listing first carried these bytes.';
