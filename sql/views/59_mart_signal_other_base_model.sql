/* Signal: a listing names another base model than the file shows. Grain: one row per lora_id. Columns as mart.signal;
   profile_id is null, since it is told from the file alone. since: when a listing that
   names the model was first taken in. */
create or replace view mart.signal_other_base_model as
with
first_named as (
    select lora_id, base_model_named, min(taken_in_at) as since
    from raw.listing
    group by lora_id, base_model_named
),

named as (
    select
        lora_id,
        list(distinct listing.base_model_named order by listing.base_model_named) as base_models,
        max(first_named.since) as since
    from mart.newest_listing as listing
    inner join core.lora as lora using (lora_id)
    inner join first_named using (lora_id, base_model_named)
    where listing.base_model_named <> lora.base_model
    group by lora_id
)

select
    null::varchar as profile_id,
    lora.lora_id,
    'other_base_model' as signal,
    null::varchar as subject,
    core.signal_severity('other_base_model', null) as severity,
    greatest(lora.taken_in_at, named.since) as since,
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
