/* How near LoRAs come to the concepts of now. Grain: one row per (profile_id, lora_id, policy, concept_id, basis): the
   newest score with the concept's current version, of the policy that the profile was last scored with.
   is_shown: unlikely enough to be chance (q), near enough where the concept says how near, and of a Direction that is known:
   where even its lower bound lies 60 degrees from the truth, it names no effect. An imported Direction has no bound. */
create or replace view mart.concept_score as
with
in_force as (
    select
        profile_id,
        max_by(policy, scored_at) as policy
    from core.concept_score
    group by profile_id
),

score as (
    select score.*
    from core.concept_score as score
    inner join in_force using (profile_id, policy)
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
    effect.measured = 'measured'
    and coalesce(effect.direction_cosine_lower, 1) >= 0.5
    and score.q <= concept.q_max
    and (concept.score_min is null or score.score >= concept.score_min) as is_shown
from score
inner join mart.concept using (policy, concept_id)
inner join mart.representation_status as effect using (profile_id, lora_id);
comment on view mart.concept_score is 'How near LoRAs come to the concepts of now; one row per (profile_id, lora_id, policy, concept_id, basis).';
