/* The policy that each profile was last scored with. Grain: one row per profile_id that was scored. */
create or replace view mart.policy_in_force as
select profile_id, max_by(policy, scored_at) as policy
from core.concept_score
group by profile_id;
comment on view mart.policy_in_force is 'The policy that a profile was last scored with; one row per profile_id.';
