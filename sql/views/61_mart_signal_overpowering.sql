/* Signal: a LoRA puts its own picture in place of what the prompt asks for. Grain: one row per (profile_id, lora_id).
   Columns as mart.signal. since is when it was measured: new thresholds open no case that is decided. */
create or replace view mart.signal_overpowering as
select
    effect.profile_id,
    effect.lora_id,
    'overpowering' as signal,
    null::varchar as subject,
    core.signal_severity('overpowering', null) as severity,
    effect.computed_at as since,
    null::timestamptz as due_at,
    format('Strength {:.1f} is above {:.1f}', effect.strength, limits.strength_max)
    || coalesce(format(', and {:.2f} of what the prompt asks for is left', effect.prompt_retention), '') as detail,
    to_json({
        'strength': effect.strength,
        'strength_max': limits.strength_max,
        'prompt_retention': effect.prompt_retention,
        'retention_min': limits.retention_min
    })::varchar as evidence
from mart.representation_status as effect
inner join mart.status_threshold as limits using (profile_id)
where effect.effect_status = 'overpowering';
comment on view mart.signal_overpowering is 'Signal: overrides the prompt; one row per (profile_id, lora_id).';
