/* The thresholds that give a representation its status, side by side. Grain: one row per profile_id that has any.
   A threshold that a profile lacks is null and filters nothing. */
create or replace view mart.status_threshold as
select
    profile_id,
    max(value) filter (name = 'strength_max') as strength_max,
    max(value) filter (name = 'strength_min') as strength_min,
    max(value) filter (name = 'consistency_min') as consistency_min,
    max(value) filter (name = 'retention_min') as retention_min
from core.threshold
group by profile_id;
comment on view mart.status_threshold is 'Thresholds of the status, side by side; one row per profile_id that has any.';
