/* mart.similar(id, k, profile := '', strength_max := …, strength_min := …, consistency_min := …,
   retention_min := …): the k LoRAs whose Direction is nearest to that of a LoRA, best first, without itself.
   Grain: one row per (asked_profile_id, rank). Columns and limits as mart.search_vector. id: a lora_id, or its first digits
   where they name one LoRA. That LoRA may have any status as long as it has a Direction, was not taken down and is not
   damaged; what comes back is 'ok' only. */
create or replace macro mart.similar(
    id,
    k,
    profile := '',
    strength_max := 'nan'::double,
    strength_min := 'nan'::double,
    consistency_min := 'nan'::double,
    retention_min := 'nan'::double
) as table (
    from core.ranking(
        (
            with
            asked as materialized (from core.profile_asked(profile)),

            beginning as materialized (
                select asked.asked_profile_id, this.lora_id, this.direction, removed.decision_id, damaged.fault
                from core.representation as this
                inner join asked using (profile_id)
                left join mart.removed as removed on this.lora_id = removed.lora_id and removed.action = 'takedown'
                left join (
                    select distinct on (profile_id, lora_id) profile_id, lora_id, fault
                    from core.damage
                    where resolved_at is null
                ) as damaged on this.profile_id = damaged.profile_id and this.lora_id = damaged.lora_id
                where starts_with(this.lora_id, id) and this.direction is not null
                -- Measured under both, the LoRA is asked for as the asked profile has it.
                qualify
                    row_number() over (
                        partition by asked.asked_profile_id, this.lora_id
                        order by this.profile_id <> asked.asked_profile_id, this.profile_id
                    ) = 1
            ),

            -- A whole id names its LoRA, also where it is the beginning of another one.
            named as (
                from beginning
                where (select coalesce(bool_or(lora_id = id), false) from beginning) is distinct from (lora_id <> id)
            )

            select
                case
                    when count(*) = 0
                        then error('no LoRA ''' || id || ''' has a Direction: see mart.lora for ids and status')
                    when count(distinct named.lora_id) > 1
                        then error('more than one LoRA id begins with ''' || id || ''': give more of its digits')
                    when count(named.decision_id) > 0
                        then error(
                            'LoRA ''' || any_value(named.lora_id) || ''' was taken down (decision '
                            || any_value(named.decision_id) || '): its copies are in mart.duplicate'
                        )
                    when count(named.fault) > 0
                        then error(
                            'LoRA ''' || any_value(named.lora_id) || ''' was found damaged (' || any_value(named.fault)
                            || '): the next night measures it again'
                        )
                    else list(
                        {
                            'asked_profile_id': named.asked_profile_id,
                            'profile_id': ranked.profile_id,
                            'vector': named.direction,
                            'without': named.lora_id
                        }
                    )
                end
            from named
            inner join asked as ranked using (asked_profile_id)
        ),
        k,
        strength_max,
        strength_min,
        consistency_min,
        retention_min
    )
);
