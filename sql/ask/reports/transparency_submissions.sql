/* Files of statements of a month ($first to before $next) that were sent to the transparency database. Grain: one row per
   number. waiting: statements that have to be sent again, because the database refused the file. */
with
waiting as (
    select month, number, list(puid order by puid) as puids
    from mart.statement_submission
    where state = 'refused'
    group by month, number
)

select
    submission.number,
    submission.state,
    submission.sha256,
    submission.n_times_submitted,
    submission.submitted_at,
    submission.answered_at,
    submission.answer,
    submission.body,
    coalesce(waiting.puids, []) as waiting
from mart.submission as submission
left join waiting using (month, number)
where submission.month >= $first and submission.month < $next
order by submission.number;
