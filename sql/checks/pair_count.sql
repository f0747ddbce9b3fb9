/* Measured LoRAs whose number of pairs is not that of their shards in the lake, where they are measured here; what was
   found damaged is measured again. Must return no rows. */
with held as (
    select profile_id, lora_id, sum(n_pairs) as n_expected
    from core.embedding_shard
    group by profile_id, lora_id
)

select profile_id, lora_id, n_pairs + n_flagged as n_found, n_expected
from core.representation
inner join core.profile using (profile_id)
left join held using (profile_id, lora_id)
where
    origin is distinct from 'imported'
    and measured in ('measured', 'degenerate')
    and n_pairs + n_flagged is distinct from n_expected
    and (profile_id, lora_id) not in (
        select (damage.profile_id, damage.lora_id) from core.damage as damage where damage.resolved_at is null
    )
order by profile_id, lora_id;
