/* The LoRAs whose id begins with $lora_id, with what a sweep over scales needs of each: at most two, since of more than one
   none is meant. Grain: one row per lora_id. */
select lora_id, base_model, file_key, trigger_words, stated_scale
from core.lora
where starts_with(lora_id, $lora_id)
order by lora_id
limit 2;
