/* What speaks for looking at some LoRAs, the gravest first. Parameter: $lora_ids. */
from mart.signal
where lora_id in (select unnest($lora_ids::varchar[]))
order by lora_id, severity desc, signal, subject, profile_id;
