/* How near LoRAs come to the concepts of now. Grain: one row per (profile_id, lora_id, policy, concept_id, basis): the
   newest score with the concept's current version, of the policy that the profile was last scored with.
   is_shown: it reaches the concept's limits (core.reaches), and its Direction is known well enough (core.names_effect). */
create or replace view mart.concept_score as
with
score as (
    select score.*
    from core.concept_score as score
    inner join mart.policy_in_force using (profile_id, policy)
    inner join mart.concept using (policy, concept_id, version)
    qualify row_number() over (
        partition by score.profile_id, score.lora_id, score.concept_id, score.basis
        order by score.scored_at desc, score.run_id
    ) = 1
)

select
    score.*,
    concept.title,
    concept.section,
    concept.severity,
    concept.nsfw_level,
    concept.due_hours,
    concept.q_max,
    concept.score_min,
    concept.category,
    effect.status,
    core.reaches(score.q, concept.q_max, score.score, concept.score_min)
    and core.names_effect(effect.measured, effect.direction_cosine_lower) as is_shown
from score
inner join mart.concept using (policy, concept_id)
inner join mart.representation_status as effect using (profile_id, lora_id);
comment on view mart.concept_score is 'How near LoRAs come to the concepts of now; one row per (profile_id, lora_id, policy, concept_id, basis).';
