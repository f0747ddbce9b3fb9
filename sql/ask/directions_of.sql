/* Directions of some LoRAs, by id. Parameters: $profile_id, $lora_ids. */
select lora_id, direction
from core.representation
where
    profile_id = $profile_id
    and direction is not null
    and lora_id in (select unnest($lora_ids::varchar[]))
order by lora_id;
