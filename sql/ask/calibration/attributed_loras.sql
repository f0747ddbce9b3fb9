/* What an attribution ranks. Grain: one row per lora_id that was measured, sorted. Parameter: $profile_id.
   Whatever the status, one that was taken down too: an attribution is evidence, not search. */
select
    lora_id,
    status,
    strength,
    consistency,
    strength_se,
    consistency_se,
    direction_cosine_lower,
    n_pairs,
    n_prompts
from mart.representation_status
where profile_id = $profile_id and measured = 'measured'
order by lora_id;
