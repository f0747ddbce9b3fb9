/* Signal: a version of a model does something else than the version before it. Grain: one row per (profile_id, lora_id) of
   the later version. Columns as mart.signal. Versions of one model at one source, in the order in which they were
   published; those without a time have no place in it.
   Changed: the cosine of the Directions is below 0.5, where both are known well (direction_cosine_lower >= 0.9), or one
   Strength is at least twice the other, and no less than strength_min. Of several files of the version before, the one
   that is nearest counts. */
create or replace view mart.signal_changed_version as
with
version as (
    select
        source,
        model_id,
        version_id,
        lora_id,
        dense_rank() over (partition by source, model_id order by min(core.moment(published_at)), version_id)
            as place
    from raw.listing
    where lora_id is not null and core.moment(published_at) is not null
    group by source, model_id, version_id, lora_id
),

consecutive as (
    select distinct
        later.source,
        later.model_id,
        earlier.version_id as version_before,
        later.version_id,
        earlier.lora_id as before_id,
        later.lora_id
    from version as earlier
    inner join version as later
        on
            earlier.source = later.source
            and earlier.model_id = later.model_id
            and earlier.place + 1 = later.place
            and earlier.lora_id <> later.lora_id
),

-- Materialized, or DuckDB would join all LoRAs of a profile with each other first.
later as materialized (
    select
        consecutive.*,
        effect.profile_id,
        effect.computed_at,
        effect.strength,
        effect.direction_cosine_lower
    from consecutive
    inner join core.representation as effect using (lora_id)
    where effect.measured = 'measured'
),

pair as materialized (
    select
        later.* exclude (computed_at, direction_cosine_lower),
        greatest(later.computed_at, effect.computed_at) as since,
        effect.strength as strength_before,
        least(effect.direction_cosine_lower, later.direction_cosine_lower) as both_known_to,
        greatest(later.strength, effect.strength)
        >= greatest(2 * least(later.strength, effect.strength), coalesce(limits.strength_min, 0)) as is_other_strength,
        coalesce(both_known_to >= 0.9, false) as is_known
    from later
    inner join core.representation as effect
        on later.profile_id = effect.profile_id and later.before_id = effect.lora_id
    left join mart.status_threshold as limits on later.profile_id = limits.profile_id
    where effect.measured = 'measured' and (is_known or is_other_strength)
),

-- Directions are long: only those of such pairs are joined.
direction as materialized (
    select profile_id, lora_id, direction
    from core.representation
    semi join (
        select profile_id, lora_id from pair
        union all
        select profile_id, before_id as lora_id from pair
    ) as wanted using (profile_id, lora_id)
),

compared as (
    select pair.*, core.cosine(before.direction, this.direction) as cosine
    from pair
    inner join direction as this on pair.profile_id = this.profile_id and pair.lora_id = this.lora_id
    inner join direction as before on pair.profile_id = before.profile_id and pair.before_id = before.lora_id
),

nearest as (
    from compared
    qualify row_number() over (
        partition by profile_id, lora_id, source, model_id order by cosine desc nulls last, before_id
    ) = 1
)

select
    profile_id,
    lora_id,
    'changed_version' as signal,
    null::varchar as subject,
    core.signal_severity('changed_version', null) as severity,
    since,
    null::timestamptz as due_at,
    format(
        'does something else than the version before it ({}): cosine {:.2f}, Strength {:.1f} after {:.1f}',
        left(before_id, 12), cosine, strength, strength_before
    ) as detail,
    to_json({
        'source': source,
        'model_id': model_id,
        'version_before': version_before,
        'version': version_id,
        'before_id': before_id,
        'cosine': cosine,
        'both_known_to': both_known_to,
        'strength': strength,
        'strength_before': strength_before
    })::varchar as evidence
from nearest
where is_other_strength or (is_known and cosine < 0.5)
qualify row_number() over (partition by profile_id, lora_id order by cosine, source, model_id) = 1;
comment on view mart.signal_changed_version is 'Signal: does other than the version before; one row per (profile_id, lora_id).';
