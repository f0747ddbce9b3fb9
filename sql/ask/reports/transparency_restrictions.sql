/* Decisions of a month ($first to before $next) that act on content, with what a statement of reasons needs. Grain: one
   row per decision_id, the oldest first; one that repeats a decision in force is left out: no second statement comes of one
   action. content_at: when the LoRA was first published, where that was before the decision, or else first seen. ended_at: when
   an appeal overturned the decision. */
with
ended as (
    select appeal.refers_to as decision_id, min(answer.decided_at) as ended_at
    from core.decision as answer
    inner join core.decision as appeal on answer.refers_to = appeal.decision_id
    where answer.action = 'overturn'
    group by appeal.refers_to
)

select
    step.decision_id,
    step.lora_id,
    listing.name,
    step.action,
    step.ground,
    step.ground_reference,
    step.category,
    step.policy,
    step.policy_version,
    step.concept_id,
    step.concept_version,
    step.reasons,
    step.evidence,
    step.snapshot_id,
    step.profile_id,
    step.automated_detection,
    step.automated_decision,
    step.decided_at,
    step.notice_id,
    notice.category as notice_category,
    notice.sender_kind,
    case
        when core.moment(listing.published_at) <= step.decided_at then core.moment(listing.published_at)
        else lora.first_seen_at
    end as content_at,
    ended.ended_at
from mart.decision as step
left join core.notice as notice using (notice_id)
left join ended on step.decision_id = ended.decision_id
left join core.lora as lora on step.lora_id = lora.lora_id
left join mart.lora_listing as listing on step.lora_id = listing.lora_id
where core.restricts(step.action) and step.repeats is null and step.decided_at >= $first and step.decided_at < $next
order by step.decided_at, step.decision_id;
