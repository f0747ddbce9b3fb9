/* How some decisions ($decision_ids) are held. Grain: one row per decision_id. */
select decision_id, position, signature, analyst_signature
from mart.decision_signature
where decision_id in (select unnest($decision_ids::varchar[]));
