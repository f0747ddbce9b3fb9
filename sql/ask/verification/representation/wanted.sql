/* wanted(lora_ids): the LoRAs whose representations are computed, numbered in the order of their ids: a number is a
   shorter key than an id. Grain: one row per LoRA of the list; an id may stand in it twice.
   Columns: lora_no, lora_id. */
create or replace temp macro wanted(lora_ids) as table
select lora_id, row_number() over (order by lora_id)::int as lora_no
from (select distinct unnest(lora_ids::varchar[]) as lora_id);
