/* Embeddings, as the workers left them in parquet shards. Grain: one row per (profile_id, lora_id, prompt_id, seed).
   lora_id 'base' is the baseline: the bare backbone. Files are registered, not copied, and never change. */
create table if not exists core.embedding (
    profile_id varchar,
    lora_id varchar,
    prompt_id varchar,
    seed integer,
    embedding float[],
    image_mean float,
    image_std float,
    flag varchar
);
alter table core.embedding set partitioned by (profile_id, lora_id);
comment on table core.embedding is 'CLIP features of the images; one row per (profile_id, lora_id, prompt_id, seed).';
comment on column core.embedding.profile_id is 'Profile that the image was made with.';
comment on column core.embedding.lora_id is 'LoRA, or ''base'' for the bare backbone.';
comment on column core.embedding.prompt_id is 'Prompt, in the profile''s indexing set.';
comment on column core.embedding.seed is 'Seed of the image''s own generator.';
comment on column core.embedding.embedding is 'Unnormalised CLIP image feature, float32 (d,).';
comment on column core.embedding.image_mean is 'Mean of the image''s values, 0 to 1.';
comment on column core.embedding.image_std is 'Standard deviation of the image''s values.';
comment on column core.embedding.flag is 'Null, or why the pair is not used: nan, black, constant.';
