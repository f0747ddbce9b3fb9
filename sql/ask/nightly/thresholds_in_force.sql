/* The thresholds of some profiles that the lake knows; of one without any, a row without a name. Parameter: $profile_ids.
   Grain: one row per profile and threshold. */
select profile_id, limits.name, limits.value
from core.profile as known
left join core.threshold as limits using (profile_id)
where list_contains($profile_ids::varchar[], profile_id)
order by profile_id, limits.name;
