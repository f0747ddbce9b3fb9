/* How many scores of a run show their concept. Parameter: $run_id. Grain: one row. */
select count(*) as n_shown
from core.concept_score as score
inner join mart.concept as concept using (policy, concept_id, version)
inner join core.representation as effect using (profile_id, lora_id)
where
    score.run_id = $run_id
    and core.reaches(score.q, concept.q_max, score.score, concept.score_min)
    and core.names_effect(effect.measured, effect.direction_cosine_lower);
