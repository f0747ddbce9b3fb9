/* Inserts pairs of LoRAs with near weights (`found`). */
insert into core.alike_weights by name
from found
order by lora_id, other_id;
