/* The versions of a policy's concepts as the lake has them. Grain: one row per concept that is active. Parameter: $policy. */
select concept_id, version, policy_version
from mart.concept
where policy = $policy;
