/* Steps that were recorded after $since, with the LoRA's name. Grain: one row per decision_id, the newest first. */
select
    step.decision_id,
    step.decided_at,
    step.lora_id,
    listing.name,
    step.action,
    step.ground,
    step.ground_reference,
    step.category,
    step.policy,
    step.concept_id,
    step.analyst,
    step.assignee,
    step.reasons,
    step.refers_to,
    step.notice_id,
    step.is_in_force,
    step.snapshot_id,
    step.batch_id
from mart.decision as step
left join mart.lora_listing as listing using (lora_id)
where step.decided_at > $since
order by step.decided_at desc, step.decision_id;
