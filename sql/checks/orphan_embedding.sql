/* Embeddings of a LoRA that core.lora does not know, or of a profile that core.profile does not know. Must return no rows. */
select profile_id, lora_id, count(*) as n_rows
from core.embedding as embedding
where
    (lora_id <> 'base' and not exists (from core.lora where lora.lora_id = embedding.lora_id))
    or not exists (from core.profile where profile.profile_id = embedding.profile_id)
group by profile_id, lora_id
order by profile_id, lora_id;
