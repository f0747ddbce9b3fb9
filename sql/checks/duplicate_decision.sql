/* Signed steps that stand twice: decision_id is the key of core.decision. Must return no rows. */
select decision_id, count(*) as n_rows
from core.decision
group by decision_id
having count(*) > 1
order by decision_id;
