/* Signal: a LoRA is one that was taken down, here by a decision or by its source. Grain: one row per lora_id. Columns as
   mart.signal; profile_id is null unless only the effect tells. Kinds, the surest first:
   - same_file: the same bytes are listed: taken in again after a takedown here, or still after a takedown at another place
   - same_weights: other bytes, the same tensors
   - same_effect: Directions whose cosine is at least the profile's threshold (core.duplicate_min)
   - copy, part, trained_alike: near by its weights (core.weights_kind), which is known before any picture. The last is a
     guess, which counts until a profile has measured both
   What its source took down weighs half: the reason is not known. A LoRA that was itself removed first repeats nothing; but
   that its source took it down does not take it out of search here, and excuses it from no takedown here. */
create or replace view mart.signal_removed_duplicate as
with
listing as materialized (
    select lora_id, state, since, known_at, taken_in_at
    from mart.listing_history
    where lora_id is not null
),

removal as materialized (
    select lora_id as removed_id, 'here' as removed_by, decision_id, since as removed_at, since as known_at
    from mart.removed
    where action = 'takedown'
    union all
    select
        lora_id as removed_id,
        'source' as removed_by,
        null as decision_id,
        min(since) as removed_at,
        min(known_at) as known_at
    from listing
    where state = 'taken_down'
    group by lora_id
),

same_file as (
    select
        listing.lora_id,
        'same_file' as kind,
        null::varchar as profile_id,
        null::double as cosine,
        min(greatest(removal.known_at, listing.taken_in_at)) as since,
        removal.*
    from removal
    inner join listing on removal.removed_id = listing.lora_id
    where listing.state = 'listed' and (removal.removed_by = 'source' or listing.taken_in_at > removal.removed_at)
    group by all
),

same_weights as (
    select
        lora.lora_id,
        'same_weights' as kind,
        null::varchar as profile_id,
        null::double as cosine,
        greatest(removal.known_at, lora.taken_in_at) as since,
        removal.*
    from removal
    inner join core.lora as gone on removal.removed_id = gone.lora_id
    inner join core.lora as lora on gone.tensors_sha256 = lora.tensors_sha256 and gone.lora_id <> lora.lora_id
),

near as (
    select profile_id, lora_id, other_id as removed_id, cosine from core.alike
    union all
    select profile_id, other_id as lora_id, lora_id as removed_id, cosine from core.alike
),

same_effect as (
    select
        near.lora_id,
        'same_effect' as kind,
        near.profile_id,
        near.cosine,
        greatest(removal.known_at, effect.computed_at) as since,
        removal.*
    from removal
    inner join near using (removed_id)
    inner join core.representation as effect on near.profile_id = effect.profile_id and near.lora_id = effect.lora_id
    left join core.threshold as threshold
        on near.profile_id = threshold.profile_id and threshold.name = 'duplicate_min'
    anti join same_weights on near.lora_id = same_weights.lora_id and near.removed_id = same_weights.removed_id
    where near.cosine >= core.duplicate_min(threshold.value)
),

near_weights as materialized (
    select near.lora_id, near.change_cosine, near.output_cosine, near.output_z, removal.*
    from removal
    inner join (
        select lora_id, other_id as removed_id, change_cosine, output_cosine, output_z from core.alike_weights
        union all
        select other_id as lora_id, lora_id as removed_id, change_cosine, output_cosine, output_z
        from core.alike_weights
    ) as near using (removed_id)
),

-- Materialized, so that no plan joins all LoRAs of a profile with each other first.
measured_one as materialized (
    select near_weights.lora_id, near_weights.removed_id, one.profile_id
    from near_weights
    inner join core.representation as one using (lora_id)
    where one.direction is not null
),

measured_both as (
    select distinct measured_one.lora_id, measured_one.removed_id
    from measured_one
    inner join core.representation as other
        on measured_one.removed_id = other.lora_id and measured_one.profile_id = other.profile_id
    where other.direction is not null
),

alike_weights as (
    select
        near.lora_id,
        core.weights_kind(near.change_cosine, near.output_z) as kind,
        null::varchar as profile_id,
        if(kind = 'trained_alike', near.output_cosine, near.change_cosine) as cosine,
        greatest(near.known_at, sketch.computed_at) as since,
        near.removed_id,
        near.removed_by,
        near.decision_id,
        near.removed_at,
        near.known_at
    from near_weights as near
    inner join core.weight_sketch as sketch using (lora_id)
    anti join same_weights on near.lora_id = same_weights.lora_id and near.removed_id = same_weights.removed_id
    left join measured_both on near.lora_id = measured_both.lora_id and near.removed_id = measured_both.removed_id
    where kind is not null and (kind <> 'trained_alike' or measured_both.lora_id is null)
),

found as (
    select
        *,
        core.signal_severity('removed_duplicate', kind) * case removed_by when 'here' then 1 else 0.5 end as severity
    from (
        from same_file
        union all by name
        from same_weights
        union all by name
        from same_effect
        union all by name
        from alike_weights
    )
),

repeated as (
    from found
    anti join removal as own
        on
            found.lora_id = own.removed_id
            and found.kind <> 'same_file'
            and own.removed_at <= found.removed_at
            and (own.removed_by = 'here' or found.removed_by = 'source')
),

ranked as (
    select
        *,
        row_number() over (partition by lora_id order by severity desc, removed_at, removed_id, profile_id) as place,
        count(distinct removed_id) over (partition by lora_id) as n_removed,
        max(since) over (partition by lora_id) as newest
    from repeated
)

select
    profile_id,
    lora_id,
    'removed_duplicate' as signal,
    null::varchar as subject,
    severity,
    newest as since,
    null::timestamptz as due_at,
    case kind
        when 'same_file' then 'the same file was taken down '
        when 'same_weights' then format('has the weights of {}, taken down ', left(removed_id, 12))
        when 'copy' then format('changes the weights as {} does (cosine {:.2f}), taken down ', left(removed_id, 12), cosine)
        when 'part' then format('shares weights with {} (cosine {:.2f}), taken down ', left(removed_id, 12), cosine)
        when 'trained_alike'
            then format('by its weights, may be trained as {} (a guess), taken down ', left(removed_id, 12))
        else format('does what {} does (cosine {:.3f}), taken down ', left(removed_id, 12), cosine)
    end
    || case removed_by when 'here' then 'here' else 'by its source' end
    || format(' on {}', strftime(removed_at at time zone 'UTC', '%Y-%m-%d'))
    || case when n_removed > 1 then format(', and there are {} more like it', n_removed - 1) else '' end as detail,
    to_json({
        'kind': kind,
        'removed_id': removed_id,
        'removed_by': removed_by,
        'removed_at': strftime(removed_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ'),
        'decision_id': decision_id,
        'cosine': cosine,
        'n_removed': n_removed
    })::varchar as evidence
from ranked
where place = 1;
comment on view mart.signal_removed_duplicate is 'Signal: is one that was taken down; one row per lora_id.';
