/* Signal: the effect of a LoRA is carried by its trigger words. Grain: one row per (profile_id, lora_id). Columns as
   mart.signal. Told from a profile that leaves the words out (mart.companion_profile): Strength without them is below
   half, or below the strength_min of the profile, and with them it is not. */
create or replace view mart.signal_trigger_words as
select
    words.profile_id,
    words.lora_id,
    'trigger_words' as signal,
    null::varchar as subject,
    core.signal_severity('trigger_words', null) as severity,
    greatest(words.computed_at, without.computed_at) as since,
    null::timestamptz as due_at,
    format('its trigger words carry the effect: Strength {:.1f} with them, {:.1f} without', words.strength, without.strength)
        as detail,
    to_json({
        'companion_id': without.profile_id,
        'strength': words.strength,
        'strength_without': without.strength,
        'strength_min': limits.strength_min,
        'trigger_words': lora.trigger_words
    })::varchar as evidence
from mart.companion_profile as companion
inner join core.representation as words on companion.profile_id = words.profile_id and words.measured = 'measured'
inner join core.representation as without
    on
        companion.companion_id = without.profile_id
        and words.lora_id = without.lora_id
        and without.measured = 'measured'
inner join core.lora as lora on words.lora_id = lora.lora_id
left join mart.status_threshold as limits on words.profile_id = limits.profile_id
where
    len(lora.trigger_words) > 0
    and words.strength >= coalesce(limits.strength_min, 0)
    and (without.strength < words.strength / 2 or without.strength < limits.strength_min);
comment on view mart.signal_trigger_words is 'Signal: trigger words carry the effect; one row per (profile_id, lora_id).';
