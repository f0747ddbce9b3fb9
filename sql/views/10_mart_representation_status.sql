/* Representations with their status. Grain: one row per (profile_id, lora_id). Holds no names, so that ranking many
   LoRAs reads nothing else. Status: macro core.status, thresholds from core.threshold. */
create or replace view mart.representation_status as
select
    representation.*,
    core.status(
        measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min, retention_min
    ) as status
from core.representation
left join mart.status_threshold using (profile_id);
comment on view mart.representation_status is 'Representations with their status; one row per (profile_id, lora_id).';
