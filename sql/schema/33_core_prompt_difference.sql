/* What a LoRA does to each prompt: the mean of its CLIP differences over the seeds. Grain: one row per
   (profile_id, lora_id, prompt_id) of a measured LoRA with at least one pair that is not flagged. Direction is
   sum n v / sum n over its rows (n = n_pairs, v = difference). Standard errors and bootstraps by prompt need no more
   than these rows. Written by the commit; sql/ask/verification/prompt_difference.sql defines them.

   A commit writes one file, sorted by LoRA. Its row groups hold a few LoRAs each, so that the rows of 30 LoRAs are found
   without reading those of the others. */
create table if not exists core.prompt_difference (
    profile_id varchar not null,
    lora_id varchar not null,
    prompt_id varchar not null,
    n_pairs integer not null,
    difference float[] not null
);
alter table core.prompt_difference reset partitioned by;
comment on table core.prompt_difference is 'Mean CLIP difference by prompt; one row per (profile_id, lora_id, prompt_id).';
comment on column core.prompt_difference.profile_id is 'Profile.';
comment on column core.prompt_difference.lora_id is 'LoRA; filter by it, and only its rows are read.';
comment on column core.prompt_difference.prompt_id is 'Prompt, in the profile''s indexing set.';
comment on column core.prompt_difference.n_pairs is 'Pairs of the prompt that count: not flagged on either side.';
comment on column core.prompt_difference.difference is 'Mean CLIP difference of those pairs, unnormalised, float32 (d,).';
