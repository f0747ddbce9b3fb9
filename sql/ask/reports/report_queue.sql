/* The queue, with the numbers of a profile. Grain: one row per lora_id, the most pressing first. */
select
    row_number() over (order by waiting.priority desc, waiting.due_at nulls last, waiting.opened_at, waiting.lora_id) as rank,
    waiting.lora_id,
    waiting.name,
    waiting.priority,
    waiting.parts,
    waiting.n_notices,
    waiting.opened_at,
    waiting.due_at,
    waiting.status,
    waiting.assignee,
    effect.status as effect_status,
    effect.strength,
    effect.consistency
from mart.moderation_queue as waiting
left join mart.representation_status as effect
    on waiting.lora_id = effect.lora_id and effect.profile_id = $profile_id
order by rank;
