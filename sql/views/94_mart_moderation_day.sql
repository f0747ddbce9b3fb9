/* What happened on each day. Grain: one row per day (UTC) on which anything did. n_new: LoRA files taken in; n_measured:
   representations; n_refused: files refused; n_notices: complaints received; n_decisions: takedown,
   restrict, label or no_action. Signals are told now, not recorded: mart.signal has when each arose. */
create or replace view mart.moderation_day as
with
event as (
    select taken_in_at as happened_at, 'new' as kind from core.lora
    union all
    select computed_at as happened_at, 'measured' as kind from core.representation
    union all
    select rejected_at as happened_at, 'refused' as kind from raw.rejection
    union all
    select received_at as happened_at, 'notice' as kind from core.notice
    union all
    select decided_at as happened_at, 'decision' as kind
    from core.decision
    where core.decides(action)
)

select
    (happened_at at time zone 'UTC')::date as day,
    count(*) filter (kind = 'new') as n_new,
    count(*) filter (kind = 'measured') as n_measured,
    count(*) filter (kind = 'refused') as n_refused,
    count(*) filter (kind = 'notice') as n_notices,
    count(*) filter (kind = 'decision') as n_decisions
from event
group by day
order by day;
comment on view mart.moderation_day is 'What happened on each day; one row per day.';
