/* Pairs of core.alike that stand twice, whose ids are not in order, or whose cosine is none. Must return no rows. */
select profile_id, lora_id, other_id, count(*) as n_rows, max(cosine) as cosine
from core.alike
group by profile_id, lora_id, other_id
having count(*) > 1 or lora_id >= other_id or max(cosine) not between 0.9 and 1 or max(cosine) is null
order by profile_id, lora_id, other_id;
