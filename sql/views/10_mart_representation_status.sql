/* Representations with their status. Grain: one row per (profile_id, lora_id). Holds no names, so that ranking many
   LoRAs reads nothing else. effect_status: what it is good for as it was measured (macro core.status, thresholds from
   core.threshold). status: the same, unless a decision in force goes before it: removed, restricted (mart.removed). */
create or replace view mart.representation_status as
select
    representation.*,
    core.status(
        measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min, retention_min
    ) as effect_status,
    case removed.action when 'takedown' then 'removed' when 'restrict' then 'restricted' else effect_status end as status
from core.representation
left join mart.status_threshold using (profile_id)
left join mart.removed using (lora_id);
comment on view mart.representation_status is 'Representations with their status; one row per (profile_id, lora_id).';
