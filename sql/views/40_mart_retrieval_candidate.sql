/* What search may return: status 'ok' only. Grain: one row per (profile_id, lora_id). */
create or replace view mart.retrieval_candidate as
select * from mart.lora where status = 'ok';
comment on view mart.retrieval_candidate is 'LoRAs that search may return (status ok); one row per (profile_id, lora_id).';
