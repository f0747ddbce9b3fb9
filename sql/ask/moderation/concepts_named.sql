/* The concepts in force that a name means: a concept_id, or policy/concept_id. Parameter: $name. */
select policy, policy_version, concept_id, version, title, section, category, due_hours
from mart.concept
where concept_id = $name or policy || '/' || concept_id = $name
order by policy, concept_id;
