/* The complaints about some LoRAs, the oldest first, without who sent them and what they say. Parameter: $lora_ids. */
select notice_id, lora_id, category, recorded_at, due_at
from core.notice
where lora_id in (select unnest($lora_ids::varchar[]))
order by recorded_at, notice_id;
