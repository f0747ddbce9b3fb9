/* Steps, with what became of them. Grain: one row per decision_id, as core.decision.
   is_in_force: a decision (takedown, restrict, label, no_action) that no appeal has overturned. Nothing else lifts it: a
   later decision of another kind stands beside it.
   appealed_by: the newest appeal against it. overturned_by: the step that overturned it.
   answered_by: of an appeal, the step that upheld or overturned the decision; null while the appeal is open.
   closes_case: after it, there is nothing to decide until something new comes up. That a no_action was overturned leaves
   everything to decide.
   repeats: the first decision in force that does the same already: a takedown of what is removed, or a restriction or label
   on the same ground. Both stand from before such a second one was refused; one action counts once, and so does its
   statement of reasons.
   settles_until: what came up after it is new. An uphold or an overturn settles no more than the decision that it judges:
   a complaint that came in while the appeal was open still waits. */
create or replace view mart.decision as
with
appeal as (
    select
        refers_to as decision_id,
        arg_max(decision_id, (decided_at, decision_id)) as appealed_by
    from core.decision
    where action = 'appeal'
    group by refers_to
),

outcome as (
    select
        outcome.decision_id as answered_by,
        outcome.action as answer,
        appeal.decision_id as appeal_id,
        appeal.refers_to as decision_id,
        outcome.decided_at
    from core.decision as outcome
    inner join core.decision as appeal on outcome.refers_to = appeal.decision_id
    where outcome.action in ('uphold', 'overturn') and appeal.action = 'appeal'
),

answered as (
    select appeal_id as decision_id, arg_min(answered_by, (decided_at, answered_by)) as answered_by
    from outcome
    group by appeal_id
),

overturned as (
    select decision_id, arg_min(answered_by, (decided_at, answered_by)) as overturned_by
    from outcome
    where answer = 'overturn'
    group by decision_id
),

-- What an uphold or an overturn is about.
judged as (
    select
        outcome.answered_by as decision_id,
        any_value(decision.action) as judged_action,
        any_value(decision.decided_at) as judged_at
    from outcome
    inner join core.decision as decision on outcome.decision_id = decision.decision_id
    group by outcome.answered_by
),

repeated as (
    select later.decision_id, arg_min(first.decision_id, (first.decided_at, first.decision_id)) as repeats
    from core.decision as later
    inner join core.decision as first
        on
            later.lora_id = first.lora_id
            and later.action = first.action
            and (later.action = 'takedown' or later.ground is not distinct from first.ground)
            and (
                later.action <> 'label'
                or (later.ground_reference, later.category, later.policy, later.concept_id)
                is not distinct from (first.ground_reference, first.category, first.policy, first.concept_id)
            )
            and (first.decided_at, first.decision_id) < (later.decided_at, later.decision_id)
    anti join overturned on first.decision_id = overturned.decision_id
    where core.restricts(later.action)
    group by later.decision_id
)

select
    decision.*,
    core.decides(decision.action) and overturned_by is null as is_in_force,
    repeats,
    appealed_by,
    overturned_by,
    answered_by,
    is_in_force
    or decision.action = 'uphold'
    or (decision.action = 'overturn' and coalesce(judged_action, '') <> 'no_action') as closes_case,
    coalesce(judged_at, decision.decided_at) as settles_until
from core.decision as decision
left join appeal using (decision_id)
left join answered using (decision_id)
left join overturned using (decision_id)
left join judged using (decision_id)
left join repeated using (decision_id);
comment on view mart.decision is 'Steps about LoRAs, with what became of them; one row per decision_id.';
