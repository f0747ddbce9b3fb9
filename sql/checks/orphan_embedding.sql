/* Embeddings of a LoRA that core.lora does not know, or of a profile that core.profile does not know. Must return no rows. */
select profile_id, lora_id, sum(n_pairs) as n_rows
from core.embedding_shard as shard
where
    (lora_id <> 'base' and not exists (from core.lora where lora.lora_id = shard.lora_id))
    or not exists (from core.profile where profile.profile_id = shard.profile_id)
group by profile_id, lora_id
order by profile_id, lora_id;
