/* Groups of LoRAs that share one Direction: cosine >= 0.9999 along a chain of core.alike. Two trainings of one effect do not
   come that close. Grain: one row per (profile_id, group_id), the largest group first; group_id is its smallest lora_id.
   sign: 'degenerate' where at least three files with different weights, of at least three models, share it: what is the
   same whatever the LoRA is no effect of it (broken pictures, or a backbone that took none of them). Else 'copy': the
   same LoRA saved again, renamed, or listed twice. A sign, no proof: one LoRA that was saved anew under three models looks
   the same, and only its pictures tell. */
create or replace view mart.shared_direction as
with recursive
edge as (
    select profile_id, lora_id as one, other_id as other from core.alike where cosine >= 0.9999
    union all
    select profile_id, other_id as one, lora_id as other from core.alike where cosine >= 0.9999
),

-- Each LoRA with the smallest id that it is known to be linked to.
linked(profile_id, lora_id, group_id) using key (profile_id, lora_id) as (
    select profile_id, one as lora_id, least(one, min(other)) as group_id
    from edge
    group by profile_id, one
    union
    select edge.profile_id, edge.other as lora_id, min(linked.group_id) as group_id
    from linked
    inner join edge on linked.profile_id = edge.profile_id and linked.lora_id = edge.one
    inner join recurring.linked as known
        on edge.profile_id = known.profile_id and edge.other = known.lora_id
    where linked.group_id < known.group_id
    group by edge.profile_id, edge.other
),

model as (
    select linked.profile_id, linked.group_id, count(distinct (listing.source, listing.model_id)) as n_models
    from linked
    inner join raw.listing as listing using (lora_id)
    group by linked.profile_id, linked.group_id
),

grouped as (
    select
        linked.profile_id,
        linked.group_id,
        count(*) as n_loras,
        count(distinct coalesce(lora.tensors_sha256, linked.lora_id)) as n_weights,
        list(linked.lora_id order by linked.lora_id) as lora_ids,
        list(listing.name order by linked.lora_id) as names,
        avg(effect.strength) as strength,
        avg(effect.consistency) as consistency
    from linked
    inner join core.representation as effect using (profile_id, lora_id)
    left join core.lora as lora using (lora_id)
    left join mart.lora_listing as listing using (lora_id)
    group by linked.profile_id, linked.group_id
)

select
    profile_id,
    group_id,
    case when n_weights >= 3 and n_models >= 3 then 'degenerate' else 'copy' end as sign,
    n_loras,
    n_weights,
    coalesce(n_models, 0) as n_models,
    lora_ids,
    names,
    strength,
    consistency
from grouped
left join model using (profile_id, group_id)
order by n_loras desc, profile_id, group_id;
comment on view mart.shared_direction is 'Groups of LoRAs that share one Direction; one row per (profile_id, group_id).';
