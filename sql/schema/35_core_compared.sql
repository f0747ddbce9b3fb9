/* LoRAs whose Direction was compared with every other one's. Grain: one row per (profile_id, lora_id). What is not in here
   is compared by the next commit, so that a night with 100 new LoRAs compares 100 and not all. */
create table if not exists core.compared (
    profile_id varchar not null,
    lora_id varchar not null
);
comment on table core.compared is 'LoRAs that core.alike has seen; one row per (profile_id, lora_id).';
comment on column core.compared.profile_id is 'Profile.';
comment on column core.compared.lora_id is 'LoRA.';
