/* LoRAs whose id is $lora_id or begins with it, of all that a file or a representation tells of; two at most, the whole id
   first. */
select lora_id
from (select lora_id from core.lora union select lora_id from core.representation)
where starts_with(lora_id, $lora_id)
order by lora_id <> $lora_id, lora_id
limit 2;
