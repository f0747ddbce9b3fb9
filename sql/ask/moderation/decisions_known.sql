/* Which of some decisions ($decision_ids) are there. Grain: one row per decision_id. */
select decision_id
from core.decision
where decision_id in (select unnest($decision_ids::varchar[]));
