/* Every signal that stands, with the LoRA's name. Grain: as mart.signal. rank: within its kind, the gravest and newest
   first, one LoRA after the other. */
with reason as materialized (
    from mart.signal
)

select
    reason.lora_id,
    listing.name,
    reason.signal,
    reason.subject,
    reason.severity,
    reason.since,
    reason.since > $since as is_new,
    reason.due_at,
    reason.detail,
    reason.evidence,
    reason.profile_id,
    row_number() over (
        partition by reason.signal order by reason.severity desc, reason.since desc, reason.lora_id, reason.subject
    ) as rank
from reason
left join mart.lora_listing as listing using (lora_id)
order by reason.signal, rank;
