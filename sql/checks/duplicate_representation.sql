/* LoRAs with more than one representation in a profile. Must return no rows. */
select profile_id, lora_id, count(*) as n_rows
from core.representation
group by profile_id, lora_id
having count(*) > 1
order by profile_id, lora_id;
