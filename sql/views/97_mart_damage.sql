/* What was found wrong and is not right again yet, with the LoRA's name. Grain: one row per finding that is open. Its
   LoRA is left out of search and waits in mart.backlog; docs/operations.md says what each fault means and what to do. */
create or replace view mart.damage as
select
    damage.profile_id,
    damage.lora_id,
    listing.name,
    damage.fault,
    damage.key,
    damage.detail,
    damage.found_by,
    damage.found_at
from core.damage as damage
left join mart.lora_listing as listing using (lora_id)
where damage.resolved_at is null
order by damage.found_at desc, damage.profile_id, damage.lora_id, damage.key;
comment on view mart.damage is 'Findings that are open; one row per finding.';
