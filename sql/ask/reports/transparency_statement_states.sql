/* Statements of a month ($first to before $next) that were sent to the transparency database, and where each stands. Grain:
   one row per puid. */
select puid, number, state, said, since
from mart.statement_submission
where month >= $first and month < $next
order by number, puid;
