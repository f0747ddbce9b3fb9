/* Measured LoRAs whose pairs are not all in core.prompt_difference, or stand twice in it, where they are measured here;
   of what was found damaged they are computed again. Must return no rows. */
with counted as (
    select profile_id, lora_id, sum(n_pairs) as n_found
    from core.prompt_difference
    group by profile_id, lora_id
),

expected as (
    select profile_id, lora_id, n_pairs as n_expected
    from core.representation
    inner join core.profile using (profile_id)
    where origin is distinct from 'imported' and measured = 'measured'
)

select profile_id, lora_id, n_found, n_expected
from expected
full join counted using (profile_id, lora_id)
where
    n_found is distinct from n_expected
    and (profile_id, lora_id) not in (
        select (damage.profile_id, damage.lora_id) from core.damage as damage where damage.resolved_at is null
    )
order by profile_id, lora_id;
