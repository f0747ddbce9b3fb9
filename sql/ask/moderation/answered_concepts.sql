/* Which questions each measured LoRA has an answer to, as it was last measured. Grain: one row per lora_id, sorted. `asked` is a
   registered table: number, concept_id, version, basis, null_id (null: any null will do). Parameters: $profile_id, $policy.
   An answer without p, for want of LoRAs to compare with, stands until another is measured. What was answered while another
   policy was in force is asked again, or that policy would stay in force; and so is what was answered anew with another null
   in between, whose answer is the one that is shown. */
with newest as (
    select
        lora_id,
        concept_id,
        version,
        basis,
        computed_at,
        null_id,
        p,
        scored_at
    from core.concept_score
    where profile_id = $profile_id and policy = $policy
    qualify row_number() over (partition by lora_id, concept_id, version, basis order by scored_at desc) = 1
),

answered as (
    select
        score.lora_id,
        score.computed_at,
        list(distinct asked.number) as numbers
    from newest as score
    inner join asked using (concept_id, version, basis)
    where
        (asked.null_id is null or asked.null_id = score.null_id)
        and (
            score.p is not null
            or score.scored_at >= (select max(computed_at) from core.representation where profile_id = $profile_id)
        )
        and $policy = (select policy from mart.policy_in_force where profile_id = $profile_id)
    group by score.lora_id, score.computed_at
)

select
    effect.lora_id,
    effect.computed_at,
    coalesce(answered.numbers, []) as numbers
from core.representation as effect
left join answered using (lora_id, computed_at)
where effect.profile_id = $profile_id and effect.measured = 'measured'
order by effect.lora_id;
