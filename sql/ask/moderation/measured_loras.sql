/* Which of some LoRAs a profile has measured or tried. Parameters: $profile_id, $lora_ids. */
select lora_id
from core.representation
where profile_id = $profile_id and lora_id in (select unnest($lora_ids::varchar[]));
