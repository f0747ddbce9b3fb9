/* LoRAs with embeddings in a profile that has none of the bare backbone, or fewer pairs of it. Must return no rows. */
with counted as (
    select profile_id, lora_id, sum(n_pairs) as n_pairs
    from core.embedding_shard
    group by profile_id, lora_id
)

select lora.profile_id, lora.lora_id, lora.n_pairs, baseline.n_pairs as n_pairs_base
from counted as lora
left join counted as baseline on lora.profile_id = baseline.profile_id and baseline.lora_id = 'base'
where lora.lora_id <> 'base' and lora.n_pairs > coalesce(baseline.n_pairs, 0)
order by all;
