/* What happened on each of the days from $first to $last, days without anything included. Grain: one row per day. */
with asked as (
    select unnest(generate_series($first::date, $last::date, interval 1 day))::date as day
)

select
    asked.day,
    coalesce(n_new, 0) as n_new,
    coalesce(n_measured, 0) as n_measured,
    coalesce(n_refused, 0) as n_refused,
    coalesce(n_notices, 0) as n_notices,
    coalesce(n_decisions, 0) as n_decisions
from asked
left join mart.moderation_day using (day)
order by asked.day;
