/* What policies speak of now. Grain: one row per (policy, concept_id): its newest version, where the policy still has it.
   A concept without texts and pictures is never scored: its words are effects that listings claim and no other concept
   covers. */
create or replace view mart.concept as
select * exclude (is_active)
from (
    from core.concept
    qualify row_number() over (partition by policy, concept_id order by loaded_at desc, version) = 1
)
where is_active;
comment on view mart.concept is 'What policies speak of now; one row per (policy, concept_id).';
