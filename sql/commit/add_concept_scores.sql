/* Adds the scores of one run. Registered tables: `found`, one row per test: lora (its number), number (of the question),
   score and what follows from it; `scored`: number, lora_id, computed_at; `asked`: number, concept_id, version, basis, null_id.
   Parameters: $profile_id, $policy, $run_id, $n_tests. */
insert into core.concept_score by name
select
    $profile_id::varchar as profile_id,
    scored.lora_id,
    $policy::varchar as policy,
    asked.concept_id,
    asked.version,
    asked.basis,
    found.* exclude (lora, number),
    $n_tests::integer as n_tests,
    asked.null_id,
    $run_id::varchar as run_id,
    scored.computed_at,
    now() as scored_at
from found
inner join scored on found.lora = scored.number
inner join asked on found.number = asked.number;
