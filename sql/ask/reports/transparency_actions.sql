/* Decisions of a month ($first to before $next). Grain: one row per (origin, action, category). origin: notice, or
   own_initiative where it answers none. n_unfounded: no_action, or overturned later. A decision that repeats one in force is not counted. */
select
    case when notice_id is null then 'own_initiative' else 'notice' end as origin,
    action,
    category,
    count(*) as n_decisions,
    count(distinct lora_id) as n_loras,
    count(*) filter (automated_detection) as n_detected,
    count(*) filter (automated_detection and (action = 'no_action' or overturned_by is not null)) as n_detected_unfounded,
    count(*) filter (automated_decision) as n_decided_automatically,
    count(appealed_by) as n_appealed,
    count(overturned_by) as n_overturned
from mart.decision
where core.decides(action) and repeats is null and decided_at >= $first and decided_at < $next
group by origin, action, category
order by origin, n_decisions desc, action, category;
