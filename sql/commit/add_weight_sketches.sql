/* Inserts sketches (`sketches`); what was known of their LoRAs was deleted before. */
insert into core.weight_sketch by name
select *, now() as computed_at
from sketches
order by lora_id;
