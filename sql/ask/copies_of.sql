/* What is the same as a LoRA, the surest first: where its file is listed, and LoRAs with its weights or its effect.
   Parameter: $lora_id. Grain: one row per kind, LoRA, and place that lists the same file. */
with
copy as (
    select 'same_file' as kind, lora_id, null::double as cosine, source || '#' || model_id || '/' || version_id as listed_at
    from mart.listing_history
    where lora_id = $lora_id and state = 'listed'
    union all
    select 'same_weights' as kind, other.lora_id, null as cosine, null as listed_at
    from core.lora as this
    inner join core.lora as other on this.tensors_sha256 = other.tensors_sha256 and this.lora_id <> other.lora_id
    where this.lora_id = $lora_id
    union all
    select
        'same_effect' as kind,
        case when alike.lora_id = $lora_id then alike.other_id else alike.lora_id end as lora_id,
        max(alike.cosine) as cosine,
        null as listed_at
    from core.alike as alike
    left join core.threshold as threshold
        on alike.profile_id = threshold.profile_id and threshold.name = 'duplicate_min'
    where
        $lora_id in (alike.lora_id, alike.other_id)
        and alike.cosine >= core.duplicate_min(threshold.value)
    group by 2
)

select copy.kind, copy.lora_id, listing.name, copy.cosine, copy.listed_at
from copy
left join mart.lora_listing as listing using (lora_id)
order by
    case copy.kind when 'same_file' then 1 when 'same_weights' then 2 else 3 end,
    copy.cosine desc nulls first,
    copy.lora_id,
    copy.listed_at;
