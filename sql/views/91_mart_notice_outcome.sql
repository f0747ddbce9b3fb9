/* What became of each notice. Grain: one row per notice_id. The deciding step is the first (takedown, restrict, label,
   no_action) that names the notice; where none does, the first about the LoRA since the notice was recorded: before, nobody knew.
   outcome: the action of that step, or open. hours: from receipt to that step. Holds neither sender nor text. */
create or replace view mart.notice_outcome as
with
deciding as (
    select decision_id, lora_id, notice_id, action, decided_at
    from core.decision
    where core.decides(action)
),

named as (
    select notice_id, arg_min(decision_id, (decided_at, decision_id)) as decision_id
    from deciding
    where notice_id is not null
    group by notice_id
),

about as (
    select notice.notice_id, arg_min(deciding.decision_id, (deciding.decided_at, deciding.decision_id)) as decision_id
    from core.notice as notice
    inner join deciding on notice.lora_id = deciding.lora_id and notice.recorded_at <= deciding.decided_at
    anti join named on notice.notice_id = named.notice_id
    group by notice.notice_id
),

answered as (
    from named
    union all by name
    from about
)

select
    notice.notice_id,
    notice.lora_id,
    notice.category,
    notice.sender_kind,
    notice.received_at,
    notice.due_at,
    answered.decision_id,
    deciding.decided_at,
    coalesce(deciding.action, 'open') as outcome,
    date_diff('second', notice.received_at, deciding.decided_at) / 3600 as hours,
    deciding.decided_at <= notice.due_at as is_in_time
from core.notice as notice
left join answered using (notice_id)
left join deciding using (decision_id);
comment on view mart.notice_outcome is 'What became of each notice; one row per notice_id.';
