/* Signal: a LoRA breaks the pictures: most are black, constant or not a number, or its Direction is that of LoRAs that have
   nothing else in common (mart.shared_direction). Grain: one row per (profile_id, lora_id). Columns as mart.signal.
   since, of a shared Direction: when the third LoRA of the group was measured, or this one where it came later. */
create or replace view mart.signal_degenerate as
with
member as (
    select profile_id, group_id, n_loras, n_models, unnest(lora_ids) as lora_id
    from mart.shared_direction
    where sign = 'degenerate'
),

shared as (
    select
        member.*,
        -- Fewer than three are no sign.
        greatest(
            effect.computed_at,
            list_sort(list(effect.computed_at) over (partition by member.profile_id, member.group_id))[3]
        ) as since
    from member
    inner join core.representation as effect using (profile_id, lora_id)
)

select
    effect.profile_id,
    effect.lora_id,
    'degenerate' as signal,
    null::varchar as subject,
    core.signal_severity('degenerate', null) as severity,
    case when effect.effect_status = 'degenerate' then effect.computed_at else shared.since end as since,
    null::timestamptz as due_at,
    case
        when effect.effect_status = 'degenerate'
            then format('{} pictures are black, constant or not a number', effect.n_flagged)
        else format('shares its Direction with {} LoRAs of {} models', shared.n_loras - 1, shared.n_models)
    end as detail,
    to_json({
        'effect_status': effect.effect_status,
        'n_flagged': effect.n_flagged,
        'n_pairs': effect.n_pairs,
        'shared_direction': shared.group_id,
        'n_loras': shared.n_loras
    })::varchar as evidence
from mart.representation_status as effect
left join shared using (profile_id, lora_id)
where effect.effect_status = 'degenerate' or shared.lora_id is not null;
comment on view mart.signal_degenerate is 'Signal: breaks the pictures; one row per (profile_id, lora_id).';
