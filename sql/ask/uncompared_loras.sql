/* LoRAs of a profile whose Direction was not compared with the others yet. Parameter: $profile_id. */
select lora_id
from core.representation as this
anti join core.compared as known using (profile_id, lora_id)
where this.profile_id = $profile_id and this.direction is not null
order by lora_id;
