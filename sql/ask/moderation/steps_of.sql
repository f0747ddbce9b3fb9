/* The steps about some LoRAs, the oldest first. Parameter: $lora_ids. */
from mart.decision
where lora_id in (select unnest($lora_ids::varchar[]))
order by decided_at, decision_id;
