/* What listings call some LoRAs; untrusted. Parameter: $lora_ids. Grain: one row per lora_id that has a listing. */
select lora_id, name
from mart.lora_listing
where lora_id in (select unnest($lora_ids::varchar[]));
