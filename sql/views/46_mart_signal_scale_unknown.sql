/* Signal: by how much a LoRA's weights were multiplied in training is not known, so that its Strength may be another than
   its author's. Grain: one row per lora_id. Columns as mart.signal; profile_id is null, since it is told from the file and
   what lies beside it. */
create or replace view mart.signal_scale_unknown as
select
    null::varchar as profile_id,
    lora_id,
    'scale_unknown' as signal,
    null::varchar as subject,
    core.signal_severity('scale_unknown', null) as severity,
    taken_in_at as since,
    null::timestamptz as due_at,
    'its scale is not known: ' || scale_detail as detail,
    to_json({
        'scale_told_by': scale_told_by,
        'scale_detail': scale_detail,
        'alpha': alpha,
        'rank': rank,
        'stated_scale': stated_scale
    })::varchar as evidence
from core.lora
where not is_scale_known;
comment on view mart.signal_scale_unknown is 'Signal: the trained scale is not known; one row per lora_id.';
