/* Signal: a listing, or the file's own metadata, name a base model that is not known here, so nothing compares it with
   the keys. Grain: one row per lora_id. Columns as mart.signal; profile_id is null, since it is told from words alone.
   since: when such words were first taken in. */
create or replace view mart.signal_unknown_base_model as
with
first_claimed as (
    select lora_id, base_model_claimed, min(taken_in_at) as since
    from raw.listing
    where base_model_named is null and core.says_a_base_model(base_model_claimed)
    group by lora_id, base_model_claimed
),

said as (
    select lora_id, listing.base_model_claimed as words, first_claimed.since
    from mart.newest_listing as listing
    inner join first_claimed using (lora_id, base_model_claimed)
    where listing.base_model_named is null
    union all
    select lora_id, base_model_in_metadata, taken_in_at
    from core.lora
    where base_model_in_metadata_named is null and core.says_a_base_model(base_model_in_metadata)
),

claimed as (
    select lora_id, list(distinct words order by words) as words, max(since) as since
    from said
    group by lora_id
)

select
    null::varchar as profile_id,
    lora.lora_id,
    'unknown_base_model' as signal,
    null::varchar as subject,
    core.signal_severity('unknown_base_model', null) as severity,
    greatest(lora.taken_in_at, claimed.since) as since,
    null::timestamptz as due_at,
    format(
        'is said to be for "{}", which is not known here; its file fits {}',
        array_to_string(claimed.words, '", "'),
        coalesce(lora.base_model, 'unknown')
    ) as detail,
    to_json({
        'base_models_claimed': claimed.words,
        'base_model': lora.base_model,
        'base_model_evidence': lora.base_model_evidence
    })::varchar as evidence
from core.lora as lora
inner join claimed using (lora_id);
comment on view mart.signal_unknown_base_model is 'Signal: said to be for a base model that is not known here; one row per lora_id.';
