/* Signal: a listing names another base model than the file shows. Grain: one row per lora_id. Columns as mart.signal;
   profile_id is null, since it is told from the file alone. */
create or replace view mart.signal_other_base_model as
with
named as (
    select lora_id, list(distinct listing.base_model_named order by listing.base_model_named) as base_models
    from mart.newest_listing as listing
    inner join core.lora as lora using (lora_id)
    where listing.base_model_named <> lora.base_model
    group by lora_id
)

select
    null::varchar as profile_id,
    lora.lora_id,
    'other_base_model' as signal,
    null::varchar as subject,
    core.signal_severity('other_base_model', null) as severity,
    lora.first_seen_at as since,
    null::timestamptz as due_at,
    format('is listed for {}, and its file fits {}', array_to_string(named.base_models, ', '), lora.base_model) as detail,
    to_json({
        'base_models_named': named.base_models,
        'base_model': lora.base_model,
        'base_model_evidence': lora.base_model_evidence
    })::varchar as evidence
from core.lora as lora
inner join named using (lora_id);
comment on view mart.signal_other_base_model is 'Signal: listed for another base model than the file fits; one row per lora_id.';
