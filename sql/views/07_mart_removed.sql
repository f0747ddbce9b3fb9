/* LoRAs that a decision in force keeps from search. Grain: one row per lora_id. action: takedown, which hides it from every
   answer, or restrict, which shows it only to whoever asks for restricted ones; a takedown goes before a restriction.
   since, decision_id: the first such decision that is in force. What is known of the LoRA stays in the lake.
   Every search asks this, so it reads core.decision itself and not mart.decision, and only once: of a table that never
   held a row, DuckLake asks the catalog again for each column of each scan. The tests hold the two together. */
create or replace view mart.removed as
with
step as materialized (
    select
        decision_id,
        lora_id,
        action,
        decided_at,
        refers_to
    from core.decision
    where action in ('takedown', 'restrict', 'appeal', 'overturn')
),

overturned as (
    select appeal.refers_to as decision_id
    from step as outcome
    inner join step as appeal on outcome.refers_to = appeal.decision_id
    where outcome.action = 'overturn' and appeal.action = 'appeal'
)

select
    lora_id,
    decision_id,
    action,
    decided_at as since
from step
anti join overturned using (decision_id)
where action in ('takedown', 'restrict')
qualify row_number() over (partition by lora_id order by action desc, decided_at, decision_id) = 1;
comment on view mart.removed is 'LoRAs that a decision in force keeps from search; one row per lora_id.';
