/* What is the same as some LoRAs, the surest first: where their files are listed, and LoRAs with their weights or their effect.
   Parameter: $lora_ids. Grain: one row per LoRA asked for (of_id), kind, LoRA, and place that lists the same file. */
with
asked as (
    select unnest($lora_ids::varchar[]) as of_id
),

near as (
    select profile_id, lora_id as of_id, other_id as lora_id, cosine from core.alike
    union all
    select profile_id, other_id as of_id, lora_id, cosine from core.alike
),

copy as (
    select
        lora_id as of_id,
        'same_file' as kind,
        lora_id,
        null::double as cosine,
        source || '#' || model_id || '/' || version_id as listed_at
    from mart.listing_history
    where state = 'listed' and lora_id in (select of_id from asked)
    union all
    select this.lora_id as of_id, 'same_weights' as kind, other.lora_id, null as cosine, null as listed_at
    from core.lora as this
    inner join core.lora as other on this.tensors_sha256 = other.tensors_sha256 and this.lora_id <> other.lora_id
    where this.lora_id in (select of_id from asked)
    union all
    select near.of_id, 'same_effect' as kind, near.lora_id, max(near.cosine) as cosine, null as listed_at
    from near
    semi join asked using (of_id)
    left join core.threshold as threshold
        on near.profile_id = threshold.profile_id and threshold.name = 'duplicate_min'
    where near.cosine >= core.duplicate_min(threshold.value)
    group by near.of_id, near.lora_id
)

select copy.of_id, copy.kind, copy.lora_id, listing.name, copy.cosine, copy.listed_at
from copy
left join mart.lora_listing as listing using (lora_id)
order by
    copy.of_id,
    case copy.kind when 'same_file' then 1 when 'same_weights' then 2 else 3 end,
    copy.cosine desc nulls first,
    copy.lora_id,
    copy.listed_at;
