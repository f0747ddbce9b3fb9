/* Signal: a file's own metadata name another base model than its keys show. Grain: one row per lora_id. Columns as
   mart.signal; profile_id is null, since it is told from the file alone. */
create or replace view mart.signal_base_model_contradicted as
select
    null::varchar as profile_id,
    lora_id,
    'base_model_contradicted' as signal,
    null::varchar as subject,
    core.signal_severity('base_model_contradicted', null) as severity,
    taken_in_at as since,
    null::timestamptz as due_at,
    format('its metadata name {}, and its keys fit {}', base_model_in_metadata_named, base_model) as detail,
    to_json({
        'base_model_in_metadata': base_model_in_metadata,
        'base_model_in_metadata_named': base_model_in_metadata_named,
        'base_model': base_model,
        'base_model_evidence': base_model_evidence
    })::varchar as evidence
from core.lora
where base_model_in_metadata_named <> base_model;
comment on view mart.signal_base_model_contradicted is 'Signal: a file whose metadata and keys disagree on the base model; one row per lora_id.';
