/* What a LoRA does at several scales, and what it is good for there. Grain: one row per (profile_id, lora_id, scale).
   status: as of the thresholds in force (core.status). is_surely_ok: it is still ok where each measure is taken two standard
   errors worse. is_recommended: of the scales where it is surely ok, the one nearest to the profile's own, which is how
   LoRAs are trained to be used; of two as near, the lower. No scale may be. */
create or replace view mart.lora_scale as
with worst as (
    -- What is not known, or has no standard error, leaves nothing sure.
    select
        swept.*,
        coalesce(strength - 2 * strength_se, '-inf'::double) as weakest,
        coalesce(strength + 2 * strength_se, 'inf'::double) as strongest,
        coalesce(consistency - 2 * consistency_se, '-inf'::double) as least_consistent,
        coalesce(prompt_retention - 2 * prompt_retention_se, '-inf'::double) as least_retained,
        (profile.definition ->> '$.lora.scale')::double as profile_scale
    from core.lora_scale as swept
    left join core.profile as profile using (profile_id)
),

judged as (
    select
        worst.*,
        core.status(
            measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min, retention_min
        ) as status,
        'ok' = core.status(
            measured,
            strongest,
            least_consistent,
            least_retained,
            strength_max,
            strength_min,
            consistency_min,
            retention_min
        )
        and weakest >= coalesce(strength_min, 0) as is_surely_ok
    from worst
    left join mart.status_threshold using (profile_id)
)

select
    profile_id,
    lora_id,
    scale,
    status,
    is_surely_ok,
    is_surely_ok and row_number() over (
        partition by profile_id, lora_id, is_surely_ok
        order by abs(scale - profile_scale), scale
    ) = 1 as is_recommended,
    strength,
    strength_se,
    prompt_retention,
    prompt_retention_se,
    consistency,
    consistency_se,
    n_pairs,
    n_prompts,
    n_flagged,
    reason,
    computed_at
from judged;
comment on view mart.lora_scale is 'What a LoRA does at several scales, and which is recommended; one row per (profile_id, lora_id, scale).';
