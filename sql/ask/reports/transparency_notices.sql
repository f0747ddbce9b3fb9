/* Notices received in a month ($first to before $next), by category and outcome. Grain: one row per (category, sender_kind). */
select
    category,
    sender_kind,
    count(*) as n_notices,
    count(*) filter (outcome = 'takedown') as n_takedown,
    count(*) filter (outcome = 'restrict') as n_restrict,
    count(*) filter (outcome = 'label') as n_label,
    count(*) filter (outcome = 'no_action') as n_no_action,
    count(*) filter (outcome = 'open') as n_open,
    count(*) filter (due_at is not null) as n_with_limit,
    count(*) filter (is_in_time) as n_in_time,
    median(hours) as median_hours
from mart.notice_outcome
where received_at >= $first and received_at < $next
group by category, sender_kind
order by n_notices desc, category, sender_kind;
