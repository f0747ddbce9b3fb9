/* LoRAs whose number of pairs is not that of the baseline of their profile, where it is measured here.
   Must return no rows. */
with baseline as (
    select profile_id, sum(n_pairs) as n_expected
    from core.embedding_shard
    where lora_id = 'base'
    group by profile_id
)

select profile_id, lora_id, n_pairs + n_flagged as n_found, n_expected
from core.representation
inner join core.profile using (profile_id)
left join baseline using (profile_id)
where
    origin is distinct from 'imported'
    and measured in ('measured', 'degenerate')
    and n_pairs + n_flagged is distinct from n_expected
order by profile_id, lora_id;
