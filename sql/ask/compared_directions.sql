/* Directions of a profile that were compared with each other before. Parameter: $profile_id. */
select this.lora_id, this.direction
from core.representation as this
semi join core.compared as known using (profile_id, lora_id)
where this.profile_id = $profile_id and this.direction is not null;
