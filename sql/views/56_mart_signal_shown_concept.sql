/* Signal: a LoRA shows a concept that its policy restricts (severity above 0). Grain: one row per (profile_id, lora_id, policy,
   concept_id). Columns as mart.signal; subject is the concept. */
create or replace view mart.signal_shown_concept as
select
    profile_id,
    lora_id,
    'shown_concept' as signal,
    policy || '/' || concept_id as subject,
    severity,
    since,
    since + to_milliseconds((due_hours * 3600000)::bigint) as due_at,
    format('shows {}: score {:.2f}, {:.1f} standard deviations above its null, q {:.1e}', title, score, z, q) as detail,
    to_json({
        'policy': policy,
        'concept_id': concept_id,
        'version': version,
        'basis': basis,
        'score': score,
        'percentile': percentile,
        'z': z,
        'p': p,
        'q': q,
        'low': low,
        'high': high
    })::varchar as evidence
from mart.shown_concept
where severity > 0;
comment on view mart.signal_shown_concept is 'Signal: shows a restricted concept; one row per (profile_id, lora_id, policy, concept_id).';
