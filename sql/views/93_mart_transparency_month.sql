/* What a platform reports of its moderation. Grain: one row per month (UTC, its first day) in which a notice came in or a
   step was recorded. Notices and appeals are counted in the month that they came in, with what became of them until now;
   decisions in the month that they were recorded, one that repeats another not at all.
   n_own_initiative: decisions that answer no notice. n_detected: decisions on what the platform itself found, and of these
   n_detected_unfounded: no_action, or overturned later; both say that there was nothing to act on.
   detection_precision: 1 - n_detected_unfounded / n_detected. */
create or replace view mart.transparency_month as
with
notices as (
    select
        date_trunc('month', received_at at time zone 'UTC')::date as month,
        count(*) as n_notices,
        count(decision_id) as n_notices_decided,
        count(*) filter (core.restricts(outcome)) as n_notices_acted_on,
        count(*) filter (due_at is not null) as n_notices_with_limit,
        count(*) filter (is_in_time) as n_notices_in_time,
        median(hours) as median_hours_to_decision
    from mart.notice_outcome
    group by month
),

decisions as (
    select
        date_trunc('month', decided_at at time zone 'UTC')::date as month,
        count(*) as n_decisions,
        count(*) filter (action = 'takedown') as n_takedown,
        count(*) filter (action = 'restrict') as n_restrict,
        count(*) filter (action = 'label') as n_label,
        count(*) filter (action = 'no_action') as n_no_action,
        count(*) filter (notice_id is null) as n_own_initiative,
        count(*) filter (automated_detection) as n_detected,
        count(*) filter (automated_detection and (action = 'no_action' or overturned_by is not null)) as n_detected_unfounded,
        count(*) filter (automated_decision) as n_decided_automatically
    from mart.decision
    where core.decides(action) and repeats is null
    group by month
),

appeals as (
    select
        date_trunc('month', appealed_at at time zone 'UTC')::date as month,
        count(*) as n_appeals,
        count(*) filter (outcome = 'upheld') as n_upheld,
        count(*) filter (outcome = 'overturned') as n_overturned,
        median(hours) as median_hours_to_answer
    from mart.appeal_outcome
    group by month
)

select
    month,
    coalesce(n_notices, 0) as n_notices,
    coalesce(n_notices_decided, 0) as n_notices_decided,
    coalesce(n_notices_acted_on, 0) as n_notices_acted_on,
    coalesce(n_notices_with_limit, 0) as n_notices_with_limit,
    coalesce(n_notices_in_time, 0) as n_notices_in_time,
    median_hours_to_decision,
    coalesce(n_decisions, 0) as n_decisions,
    coalesce(n_takedown, 0) as n_takedown,
    coalesce(n_restrict, 0) as n_restrict,
    coalesce(n_label, 0) as n_label,
    coalesce(n_no_action, 0) as n_no_action,
    coalesce(n_own_initiative, 0) as n_own_initiative,
    coalesce(n_detected, 0) as n_detected,
    coalesce(n_detected_unfounded, 0) as n_detected_unfounded,
    1 - n_detected_unfounded / nullif(n_detected, 0) as detection_precision,
    coalesce(n_decided_automatically, 0) as n_decided_automatically,
    coalesce(n_appeals, 0) as n_appeals,
    coalesce(n_upheld, 0) as n_upheld,
    coalesce(n_overturned, 0) as n_overturned,
    median_hours_to_answer
from notices
full join decisions using (month)
full join appeals using (month)
order by month;
comment on view mart.transparency_month is 'What a platform reports of its moderation; one row per month.';
