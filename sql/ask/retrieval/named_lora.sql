/* All about the LoRAs whose id begins with $lora_id, and the scale that is recommended for each: at most two, since of more
   than one none is meant. Parameter: $profile_ids, the profiles that are ranked together; measured under several, the first
   of them counts. Grain: one row per lora_id. */
select lora.*, swept.recommended_scale, swept.usable_from, swept.usable_to
from mart.lora as lora
left join mart.recommended_scale as swept using (profile_id, lora_id)
where list_contains($profile_ids::varchar[], profile_id) and starts_with(lora_id, $lora_id)
qualify row_number() over (partition by lora_id order by list_position($profile_ids::varchar[], profile_id)) = 1
order by lora_id
limit 2;
