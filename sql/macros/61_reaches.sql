/* reaches(q, q_max, score, score_min): whether a score reaches its concept's limits: unlikely enough to be chance, and near
   enough where the concept says how near. */
create or replace macro core.reaches(q, q_max, score, score_min) as
    q <= q_max and (score_min is null or score >= score_min);
