/* Pairs that stand twice: (profile_id, lora_id, prompt_id, seed) is the key of core.embedding. Must return no rows. */
select profile_id, lora_id, prompt_id, seed, count(*) as n_rows
from core.embedding
group by profile_id, lora_id, prompt_id, seed
having count(*) > 1
order by all;
