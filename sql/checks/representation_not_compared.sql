/* LoRAs with a Direction that core.alike has not seen, or has seen twice. Must return no rows. */
select profile_id, lora_id, count(compared.lora_id) as n_compared
from core.representation as representation
left join core.compared as compared using (profile_id, lora_id)
where representation.direction is not null
group by profile_id, lora_id
having count(compared.lora_id) <> 1
order by profile_id, lora_id;
