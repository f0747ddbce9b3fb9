/* Measured LoRAs of a profile that core.prompt_difference does not have. Parameter: $profile_id.
   Grain: one row per lora_id, sorted. */
select lora_id
from core.representation as this
inner join core.profile using (profile_id)
where
    profile_id = $profile_id
    and measured = 'measured'
    and origin is distinct from 'imported'
    and lora_id not in (select known.lora_id from core.prompt_difference as known where known.profile_id = $profile_id)
order by lora_id;
