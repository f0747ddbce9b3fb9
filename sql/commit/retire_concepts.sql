/* Says of the concepts that a policy's folder no longer has that they are not active. Parameters: $policy, $policy_version,
   $kept: the ids that it has. */
insert into core.concept by name
select
    * replace ($policy_version::varchar as policy_version, now() as loaded_at),
    false as is_active
from mart.concept
where policy = $policy and not list_contains($kept::varchar[], concept_id)
order by concept_id;
