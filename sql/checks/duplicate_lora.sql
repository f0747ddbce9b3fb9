/* LoRAs that stand twice in core.lora. Must return no rows. */
select lora_id, count(*) as n_rows
from core.lora
group by lora_id
having count(*) > 1
order by lora_id;
