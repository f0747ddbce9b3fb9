/* LoRAs that do nearly the same. Grain: one row per (profile_id, lora_id, other_id) with lora_id < other_id whose
   Directions have a cosine of at least 0.9. A LoRA brings at most the 32 nearest of those that were compared before it.
   Written by carlos_tasks/commit/alike.py when a Direction is committed, whatever the LoRA's status; core.compared says
   which LoRAs were. */
create table if not exists core.alike (
    profile_id varchar not null,
    lora_id varchar not null,
    other_id varchar not null,
    cosine double not null
);
comment on table core.alike is 'LoRAs that do nearly the same; one row per (profile_id, lora_id, other_id), cosine >= 0.9.';
comment on column core.alike.profile_id is 'Profile.';
comment on column core.alike.lora_id is 'The LoRA whose id sorts first.';
comment on column core.alike.other_id is 'The other LoRA.';
comment on column core.alike.cosine is 'Cosine of their Directions.';
