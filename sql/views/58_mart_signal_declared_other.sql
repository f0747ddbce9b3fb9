/* Signal: a LoRA does something other than its listings declare. Grain: one row per (profile_id, lora_id). Columns as
   mart.signal.
   It declares a concept or an effect word in a name or a tag; of the declared concepts that were scored none is even
   nominally shown (p <= 0.05); and either another concept is shown, or it does next to nothing (no_effect). While a
   declared concept waits for a score of its current version nobody can say that it is not shown.
   since: when that was known, or when a listing with its name and tags of now was first taken in, whichever came
   later.
   A profile that leaves trigger words out, beside one that adds them, is no judge of it: the words may carry the effect. */
create or replace view mart.signal_declared_other as
with
declared as materialized (
    select
        effect.profile_id,
        effect.lora_id,
        effect.effect_status,
        effect.computed_at,
        claim.policy,
        claim.concept_id,
        claim.is_effect_word,
        claim.words
    from mart.representation_status as effect
    anti join mart.companion_profile as companion on effect.profile_id = companion.companion_id
    inner join mart.declared_concept as claim using (lora_id)
    left join mart.policy_in_force as in_force using (profile_id)
    where effect.measured = 'measured' and (in_force.policy is null or in_force.policy = claim.policy)
),

-- The newest score of each declared concept, in its current version.
scored as materialized (
    select score.profile_id, score.lora_id, score.policy, score.concept_id, score.p
    from core.concept_score as score
    semi join declared using (profile_id, lora_id, policy, concept_id)
    semi join mart.concept using (policy, concept_id, version)
    qualify row_number() over (
        partition by score.profile_id, score.lora_id, score.concept_id, score.basis
        order by score.scored_at desc, score.run_id
    ) = 1
),

kept as (
    select distinct profile_id, lora_id
    from scored
    where p <= 0.05
),

waiting as (
    select distinct profile_id, lora_id
    from declared
    anti join scored using (profile_id, lora_id, policy, concept_id)
    where not is_effect_word
),

claimed as (
    select
        profile_id,
        lora_id,
        any_value(effect_status) as effect_status,
        any_value(computed_at) as computed_at,
        list_sort(list_distinct(flatten(list(words)))) as words,
        list_sort(list(distinct concept_id)) as concepts
    from declared
    anti join kept using (profile_id, lora_id)
    group by profile_id, lora_id
),

shown as (
    select
        shown.profile_id,
        shown.lora_id,
        list(shown.title order by shown.q, shown.concept_id) as titles,
        list(
            {'concept_id': shown.concept_id, 'score': shown.score, 'p': shown.p, 'q': shown.q}
            order by shown.q, shown.concept_id
        ) as scores,
        min(shown.since) as since
    from mart.shown_concept as shown
    anti join declared using (profile_id, lora_id, policy, concept_id)
    anti join waiting using (profile_id, lora_id)
    group by shown.profile_id, shown.lora_id
),

said as (
    select lora_id, name, tags, min(taken_in_at) as since
    from raw.listing
    semi join claimed using (lora_id)
    group by lora_id, name, tags
),

edited as (
    select lora_id, max(said.since) as since
    from said
    semi join mart.newest_listing as listing
        on
            said.lora_id = listing.lora_id
            and said.name is not distinct from listing.name
            and said.tags is not distinct from listing.tags
    group by lora_id
)

select
    claimed.profile_id,
    claimed.lora_id,
    'declared_other' as signal,
    null::varchar as subject,
    core.signal_severity('declared_other', null) as severity,
    greatest(
        edited.since,
        case when claimed.effect_status = 'no_effect' then claimed.computed_at else shown.since end
    ) as since,
    null::timestamptz as due_at,
    'declares ' || array_to_string(claimed.words, ', ') || ', and '
    || case
        when claimed.effect_status = 'no_effect' then 'does next to nothing'
        else 'shows ' || array_to_string(shown.titles[1:3], ', ')
            || case when len(shown.titles) > 3 then format(' and {} more', len(shown.titles) - 3) else '' end
    end as detail,
    to_json({
        'declared': claimed.concepts,
        'words': claimed.words,
        'shown': shown.scores,
        'effect_status': claimed.effect_status
    })::varchar as evidence
from claimed
inner join edited using (lora_id)
left join shown using (profile_id, lora_id)
where shown.since is not null or claimed.effect_status = 'no_effect';
comment on view mart.signal_declared_other is 'Signal: does other than its listings declare; one row per (profile_id, lora_id).';
