/* How often the platform's own detection was right, by kind of signal, for decisions of a month ($first to before $next).
   Grain: one row per signal that the evidence of a decision names. n_unfounded: no_action, or overturned later. */
with cited as (
    select
        decision_id,
        unnest(evidence) as cited,
        action = 'no_action' or overturned_by is not null as is_unfounded
    from mart.decision
    where
        automated_detection
        and core.decides(action)
        and decided_at >= $first
        and decided_at < $next
),

named as (
    select distinct decision_id, split_part(cited, '/', 2) as signal, is_unfounded
    from cited
    where cited like 'signal/%'
)

select
    signal,
    count(*) as n_decisions,
    count(*) filter (is_unfounded) as n_unfounded,
    1 - n_unfounded / n_decisions as precision
from named
group by signal
order by n_decisions desc, signal;
