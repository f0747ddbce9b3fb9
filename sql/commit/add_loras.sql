/* Inserts the LoRAs of intake files (`seen`) that the lake does not know. One row per lora_id: of several listings with
   the same bytes, the first by key tells the facts. */
insert into core.lora by name
select lora_id, lora.*, seen_at as first_seen_at, now() as taken_in_at
from seen
where kind = 'listing' and lora_id is not null and lora is not null
    and not exists (from core.lora as known where known.lora_id = seen.lora_id)
qualify row_number() over (partition by lora_id order by seen_at, source, model_id, version_id, file_id) = 1
order by lora_id;
