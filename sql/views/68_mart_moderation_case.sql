/* What there is to decide, or was, about each LoRA. Grain: one row per lora_id that has a signal, a decision or an open appeal,
   or somebody who looks at it, whatever the profiles that tell of it.
   status: appealed: an appeal is open. decided: its closing steps settle every signal (mart.decision.settles_until).
     assigned: somebody looks at it. open: nobody does.
   priority: 100 (1 - product of (1 - severity)) over `parts`, so that each reason adds, and none is lost in another. Of
     several profiles that say the same, the gravest counts. What was decided counts no more once something new comes up.
   opened_at: of the parts, the earliest. due_at: the earliest of what is not settled yet. n_notices: notices among the
     parts. */
create or replace view mart.moderation_case as
with
closed as (
    select
        lora_id,
        max(decided_at) filter (closes_case) as closed_at,
        max(settles_until) filter (closes_case) as settled_until,
        arg_max(decision_id, (decided_at, decision_id)) filter (closes_case) as closed_by,
        arg_max(action, (decided_at, decision_id)) filter (closes_case) as closed_as,
        max(decided_at) filter (action = 'appeal' and answered_by is null) as appealed_at
    from mart.decision
    where action not in ('comment', 'skip')
    group by lora_id
),

-- To skip a case gives it back: it is nobody's again.
taken as (
    select
        step.lora_id,
        arg_max(
            case step.action when 'assign' then step.assignee else '' end, (step.decided_at, step.decision_id)
        ) as assignee
    from mart.decision as step
    left join closed using (lora_id)
    where step.action in ('assign', 'skip') and (closed.closed_at is null or step.decided_at > closed.closed_at)
    group by step.lora_id
),

dated as (
    select
        signal.*,
        closed.settled_until is null or signal.since > closed.settled_until as is_new,
        bool_or(is_new) over (partition by signal.lora_id) as is_any_new
    from mart.signal as signal
    left join closed using (lora_id)
),

part as (
    select
        lora_id,
        signal,
        -- Many notices are many reasons, and so are many concepts.
        subject,
        max(severity) as severity,
        arg_max(detail, (severity, detail)) as detail,
        min(since) as since,
        min(due_at) filter (is_new) as due_at,
        bool_or(is_new) as is_new
    from dated
    where is_new = is_any_new
    group by lora_id, signal, subject
),

weighed as (
    select
        lora_id,
        round(100 * (1 - product(1 - severity)), 1) as priority,
        list(
            {'signal': signal, 'severity': severity, 'detail': detail}
            order by severity desc, signal, subject
        ) as parts,
        count(*) as n_signals,
        count(*) filter (signal = 'notice') as n_notices,
        min(since) as opened_at,
        min(due_at) as due_at,
        bool_or(is_new) as is_new
    from part
    group by lora_id
),

known as (
    select
        *,
        case
            when closed.appealed_at is not null then 'appealed'
            when closed.closed_at is not null and not coalesce(weighed.is_new, false) then 'decided'
            when taken.assignee <> '' then 'assigned'
            else 'open'
        end as status
    from weighed
    full join closed using (lora_id)
    left join taken using (lora_id)
    where n_signals is not null or closed_at is not null or appealed_at is not null or assignee <> ''
)

select
    known.lora_id,
    listing.name,
    coalesce(known.priority, 0) as priority,
    coalesce(known.parts, []) as parts,
    coalesce(known.n_signals, 0) as n_signals,
    coalesce(known.n_notices, 0) as n_notices,
    coalesce(known.opened_at, known.appealed_at, known.closed_at) as opened_at,
    known.due_at,
    known.status,
    nullif(known.assignee, '') as assignee,
    known.closed_at as decided_at,
    known.closed_by as decision_id,
    known.closed_as as action
from known
left join mart.lora_listing as listing using (lora_id);
comment on view mart.moderation_case is 'What there is to decide, or was, about each LoRA; one row per lora_id.';
