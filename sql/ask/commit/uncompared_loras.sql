/* LoRAs of a profile whose Direction was not compared with the others yet. Parameter: $profile_id. What was measured has
   a Direction; asking for the Direction itself would read all of them. Grain: one row per lora_id, sorted. */
select lora_id, computed_at
from core.representation as this
anti join core.compared as known using (profile_id, lora_id)
where this.profile_id = $profile_id and this.measured = 'measured'
order by lora_id;
