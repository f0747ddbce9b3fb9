/* Appeals of a month ($first to before $next), by what they are against and what became of them. Grain: one row per
   (action, outcome). */
select
    action,
    outcome,
    count(*) as n_appeals,
    median(hours) as median_hours
from mart.appeal_outcome
where appealed_at >= $first and appealed_at < $next
group by action, outcome
order by action, outcome;
