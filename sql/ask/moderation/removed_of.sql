/* Which of some LoRAs a decision in force keeps from search. Parameter: $lora_ids. */
from mart.removed
where lora_id in (select unnest($lora_ids::varchar[]))
order by lora_id;
