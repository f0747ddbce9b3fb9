/* Pairs of LoRAs that are the same to whoever uses them. Grain: one row per (profile_id, lora_id, other_id) with
   lora_id < other_id; profile_id is null for a pair that no profile has tried both of.
   kind: same_weights: other bytes, the same tensors. same_effect: other tensors, and Directions whose cosine is at least
   the profile's threshold, as core.duplicate_min has it (docs/decisions/0016-what-a-duplicate-is.md).
   is_same_model: a source lists both under one model, such as two versions of it. both_known_to: the lower of the two
   bounds direction_cosine_lower, since the cosine of two noisy estimates lies below that of what they estimate. */
create or replace view mart.duplicate as
with
weights_pair as (
    select one.lora_id, other.lora_id as other_id
    from core.lora as one
    inner join core.lora as other on one.tensors_sha256 = other.tensors_sha256 and one.lora_id < other.lora_id
),

-- Materialized, so that no plan joins all LoRAs of a profile with each other first.
tried_one as materialized (
    select one.profile_id, pair.lora_id, pair.other_id
    from weights_pair as pair
    inner join core.representation as one on pair.lora_id = one.lora_id
),

tried_pair as (
    select one.profile_id, one.lora_id, one.other_id
    from tried_one as one
    inner join core.representation as other on one.other_id = other.lora_id and one.profile_id = other.profile_id
),

pair as (
    select profile_id, lora_id, other_id, 'same_weights' as kind
    from tried_pair
    union all
    select null as profile_id, lora_id, other_id, 'same_weights' as kind
    from weights_pair
    anti join tried_pair using (lora_id, other_id)
    union all
    select alike.profile_id, alike.lora_id, alike.other_id, 'same_effect' as kind
    from core.alike
    left join core.threshold as threshold
        on alike.profile_id = threshold.profile_id and threshold.name = 'duplicate_min'
    anti join weights_pair using (lora_id, other_id)
    where alike.cosine >= core.duplicate_min(threshold.value)
),

model as (
    select lora_id, list(distinct source || '#' || model_id) as models
    from raw.listing
    where lora_id is not null
    group by lora_id
)

select
    pair.profile_id,
    pair.lora_id,
    pair.other_id,
    pair.kind,
    alike.cosine,
    least(one.direction_cosine_lower, other.direction_cosine_lower) as both_known_to,
    coalesce(list_has_any(of_one.models, of_other.models), false) as is_same_model,
    listing.name,
    other_listing.name as other_name,
    one.strength,
    other.strength as other_strength
from pair
left join core.alike using (profile_id, lora_id, other_id)
left join core.representation as one on pair.profile_id = one.profile_id and pair.lora_id = one.lora_id
left join core.representation as other on pair.profile_id = other.profile_id and pair.other_id = other.lora_id
left join model as of_one on pair.lora_id = of_one.lora_id
left join model as of_other on pair.other_id = of_other.lora_id
left join mart.lora_listing as listing on pair.lora_id = listing.lora_id
left join mart.lora_listing as other_listing on pair.other_id = other_listing.lora_id
order by alike.cosine desc nulls last, pair.profile_id, pair.lora_id, pair.other_id;
comment on view mart.duplicate is 'Pairs with the same weights or the same effect; one row per (profile_id, lora_id, other_id).';
