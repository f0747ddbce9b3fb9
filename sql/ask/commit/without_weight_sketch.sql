/* LoRAs whose weights were not described yet, or for another base model, or by another version. Parameters: $version,
   $n: at most so many. Grain: one row per lora_id, the longest known first. */
select lora.lora_id, lora.base_model, lora.file_key, lora.stated_scale
from core.lora as lora
anti join core.weight_sketch as known
    on lora.lora_id = known.lora_id and lora.base_model = known.base_model and known.version = $version
where lora.file_key is not null
order by lora.first_seen_at, lora.lora_id
limit $n;
