/* Measured representations of which there are no embeddings, in profiles that are measured here; of what was found damaged
   the shards are moved aside until it is measured again. Must return no rows. */
select profile_id, lora_id, measured
from core.representation as representation
inner join core.profile using (profile_id)
where
    origin is distinct from 'imported'
    and measured in ('measured', 'degenerate')
    and not exists (
        from core.damage as damage
        where
            damage.profile_id = representation.profile_id
            and damage.lora_id = representation.lora_id
            and damage.resolved_at is null
    )
    and not exists (
        from core.embedding_shard as shard
        where shard.profile_id = representation.profile_id and shard.lora_id = representation.lora_id
    )
order by profile_id, lora_id;
