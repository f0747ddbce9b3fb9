/* Concepts that LoRAs show. Grain: one row per (profile_id, lora_id, policy, concept_id): of texts and images, the basis that
   shows it better. The rows of mart.concept_score that are shown, told from core.concept_score in the other order: what is
   near enough first, which is little, and then whether it is the newest score. Over 100,000 LoRAs that takes a fifth of the
   time, and the queue asks it three times; the tests hold the two together.
   since: when a score with this version of the concept, and this measurement, first showed it, so that scoring again opens no
   case that is decided. */
create or replace view mart.shown_concept as
with
near as materialized (
    select
        score.*,
        concept.title,
        concept.section,
        concept.severity,
        concept.nsfw_level,
        concept.due_hours
    from core.concept_score as score
    inner join mart.concept as concept using (policy, concept_id, version)
    inner join mart.policy_in_force using (profile_id, policy)
    where core.reaches(score.q, concept.q_max, score.score, concept.score_min)
),

newest as (
    select
        score.profile_id,
        score.lora_id,
        score.policy,
        score.concept_id,
        score.version,
        score.basis,
        max(score.scored_at) as scored_at
    from core.concept_score as score
    semi join near using (profile_id, lora_id, policy, concept_id, version, basis)
    group by all
),

first_shown as (
    select profile_id, lora_id, policy, concept_id, computed_at, min(scored_at) as since
    from near
    group by all
)

select near.*, first_shown.since
from near
semi join newest using (profile_id, lora_id, policy, concept_id, version, basis, scored_at)
inner join first_shown using (profile_id, lora_id, policy, concept_id, computed_at)
semi join (
    select profile_id, lora_id
    from core.representation
    where core.names_effect(measured, direction_cosine_lower)
) as known using (profile_id, lora_id)
qualify row_number() over (
    partition by near.profile_id, near.lora_id, near.policy, near.concept_id
    order by near.q, near.p, near.basis, near.run_id
) = 1;
comment on view mart.shown_concept is 'Concepts that LoRAs show; one row per (profile_id, lora_id, policy, concept_id).';
