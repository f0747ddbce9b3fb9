/* LoRAs with embeddings and no representation that was computed from them. Must return no rows. */
select distinct profile_id, lora_id
from core.embedding_shard as shard
where
    lora_id <> 'base'
    and not exists (
        from core.representation as representation
        where
            representation.profile_id = shard.profile_id
            and representation.lora_id = shard.lora_id
            and representation.measured in ('measured', 'degenerate')
    )
order by profile_id, lora_id;
