/* Thresholds of each profile, beside what its corpus says. Grain: one row per (profile_id, name) of the thresholds that are
   in force, and of those that a calibration would set.
   share_removed: of the measured LoRAs, those that this threshold alone would keep out of search (strength_max and
   retention_min act together). quantile: where the paper's threshold stands in the paper's corpus, and corpus_value:
   what stands there in this one; `carlos thresholds --calibrate` puts it in force. */
create or replace view mart.threshold as
with
wanted as (
    select profile_id, name from core.threshold
    union
    select profile.profile_id, unnest(['strength_max', 'consistency_min']) as name from core.profile
),

measured as (
    select
        wanted.profile_id,
        wanted.name,
        count(effect.lora_id) as n,
        core.quantile(
            list(
                core.calibrated_on(wanted.name, effect.strength, effect.consistency, effect.prompt_retention)
                order by core.calibrated_on(
                    wanted.name, effect.strength, effect.consistency, effect.prompt_retention
                )
            ) filter (
                core.calibrated_on(wanted.name, effect.strength, effect.consistency, effect.prompt_retention) is not null
            ),
            any_value(core.calibration_quantile(wanted.name))
        ) as corpus_value,
        avg(
            case wanted.name
                when 'strength_min' then effect.strength < limits.strength_min
                when 'consistency_min' then coalesce(effect.consistency < limits.consistency_min, true)
                when 'duplicate_min' then null
                else core.status(
                    'measured',
                    effect.strength,
                    null,
                    effect.prompt_retention,
                    limits.strength_max,
                    null,
                    null,
                    limits.retention_min
                ) <> 'ok'
            end::integer
        ) as share_removed
    from wanted
    left join core.representation as effect on wanted.profile_id = effect.profile_id and effect.measured = 'measured'
    left join mart.status_threshold as limits on wanted.profile_id = limits.profile_id
    group by wanted.profile_id, wanted.name
)

select
    measured.profile_id,
    profile.name as profile,
    measured.name,
    threshold.value,
    threshold.origin,
    case when threshold.value is not null and measured.n > 0 then measured.share_removed end as share_removed,
    core.calibration_quantile(measured.name) as quantile,
    measured.corpus_value,
    measured.n
from measured
left join core.threshold as threshold using (profile_id, name)
left join core.profile as profile on measured.profile_id = profile.profile_id
order by profile.name, measured.profile_id, measured.name;
comment on view mart.threshold is 'Thresholds in force, and what the corpus says of them; one row per (profile_id, name).';
