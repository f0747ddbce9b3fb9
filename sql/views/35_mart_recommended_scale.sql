/* The scale that is recommended for a LoRA, and the scales around it where it is surely ok too, without one between that is
   not. Grain: one row per (profile_id, lora_id) that was swept; null where it is surely ok at no scale. */
create or replace view mart.recommended_scale as
with swept as (
    select
        profile_id,
        lora_id,
        max(scale) filter (is_recommended) as recommended_scale,
        list(scale) filter (is_surely_ok) as sure,
        coalesce(list(scale) filter (not is_surely_ok), []) as unsure,
        count(*) as n_scales
    from mart.lora_scale
    group by profile_id, lora_id
),

bound as (
    select
        *,
        coalesce(list_max([scale for scale in unsure if scale < recommended_scale]), '-inf'::double) as above,
        coalesce(list_min([scale for scale in unsure if scale > recommended_scale]), 'inf'::double) as below
    from swept
)

select
    profile_id,
    lora_id,
    recommended_scale,
    list_min([scale for scale in sure if scale > above]) as usable_from,
    list_max([scale for scale in sure if scale < below]) as usable_to,
    n_scales
from bound;
comment on view mart.recommended_scale is 'The scale that is recommended for a LoRA, and those around it that are usable; one row per (profile_id, lora_id).';
