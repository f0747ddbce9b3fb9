/* LoRAs whose number of pairs is not that of the baseline of their profile. Must return no rows. */
with baseline as (
    select profile_id, count(*) as n_expected
    from core.embedding
    where lora_id = 'base'
    group by profile_id
)

select profile_id, lora_id, n_pairs + n_flagged as n_found, n_expected
from core.representation
left join baseline using (profile_id)
where measured in ('measured', 'degenerate') and n_pairs + n_flagged is distinct from n_expected
order by profile_id, lora_id;
