/* Representations with their status. Grain: one row per (profile_id, lora_id). Holds no names, so that ranking many
   LoRAs reads nothing else. effect_status: what it is good for as it was measured (macro core.status, thresholds from
   core.threshold). status: the same, unless a decision in force goes before it: removed, restricted (mart.removed); or
   something of it was found damaged (core.damage), which holds until it was measured again. */
create or replace view mart.representation_status as
with damaged as (
    select distinct profile_id, lora_id
    from core.damage
    where resolved_at is null
)

select
    representation.*,
    core.status(
        measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min, retention_min
    ) as effect_status,
    case
        when removed.action = 'takedown' then 'removed'
        when removed.action = 'restrict' then 'restricted'
        when damaged.lora_id is not null and measured <> 'failed' then 'damaged'
        else effect_status
    end as status
from core.representation
left join mart.status_threshold using (profile_id)
left join mart.removed using (lora_id)
left join damaged using (profile_id, lora_id);
comment on view mart.representation_status is 'Representations with their status; one row per (profile_id, lora_id).';
