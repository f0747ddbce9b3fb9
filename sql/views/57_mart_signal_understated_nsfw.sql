/* Signal: a LoRA shows a concept that needs a higher rating than one of its listings has. Grain: one row per (profile_id,
   lora_id, policy, concept_id). Columns as mart.signal; subject is the concept. A rating is Civitai's bit mask: its highest
   bit counts. A listing without a rating claims none, and contradicts nothing. since: when it was shown, or a listing rated so
   low was first taken in, whichever came later. */
create or replace view mart.signal_understated_nsfw as
with
shown as materialized (
    from mart.shown_concept
    where nsfw_level is not null
),

lowest as (
    select lora_id, min(nsfw_level) as nsfw_level
    from mart.newest_listing
    semi join shown using (lora_id)
    group by lora_id
),

declared as (
    select lora_id, nsfw_level, min(listing.taken_in_at) as since
    from lowest
    inner join raw.listing as listing using (lora_id, nsfw_level)
    group by lora_id, nsfw_level
)

select
    shown.profile_id,
    shown.lora_id,
    'understated_nsfw' as signal,
    shown.policy || '/' || shown.concept_id as subject,
    core.signal_severity('understated_nsfw', null) as severity,
    greatest(shown.since, declared.since) as since,
    null::timestamptz as due_at,
    format('shows {}, which needs a rating of {}, and is listed with {}', shown.title, shown.nsfw_level, declared.nsfw_level)
        as detail,
    to_json({
        'policy': shown.policy,
        'concept_id': shown.concept_id,
        'version': shown.version,
        'nsfw_level': declared.nsfw_level,
        'nsfw_level_needed': shown.nsfw_level,
        'score': shown.score,
        'p': shown.p,
        'q': shown.q
    })::varchar as evidence
from shown
inner join declared using (lora_id)
where declared.nsfw_level < shown.nsfw_level;
comment on view mart.signal_understated_nsfw is 'Signal: rated below what it shows; one row per (profile_id, lora_id, policy, concept_id).';
