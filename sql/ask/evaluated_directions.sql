/* Directions of a profile that have a length. Parameter: $profile_id. Grain: one row per lora_id, sorted. */
select lora_id, direction
from core.representation
where profile_id = $profile_id and direction is not null and strength > 0
order by lora_id;
