/* How each decision is held by the chain. Grain: one row per decision_id. position: of its entry.
   signature: signed, where a key signed the entry; recorded, where none did; none, where it has no entry.
   analyst_signature: signed, where the person who decided signed with an own key; not signed, where that person had one
   and did not; null, where the person had none. What is said here is not checked: `carlos decisions verify` does. */
create or replace view mart.decision_signature as
with
own_key as (
    select decision.decision_id, count(*) as n_keys
    from core.decision as decision
    inner join mart.signing_key as key
        on
            decision.analyst = key.analyst
            and key.role = 'analyst'
            and key.valid_from <= decision.decided_at
            and decision.decided_at < coalesce(key.valid_until, 'infinity')
            and decision.decided_at <= coalesce(key.revoked_at, 'infinity')
    group by decision.decision_id
)

select
    decision.decision_id,
    decision.lora_id,
    decision.analyst,
    entry.position,
    entry.entered_at,
    entry.is_late,
    entry.key_id,
    case when entry.position is null then 'none' when entry.signature is null then 'recorded' else 'signed' end as signature,
    case
        when entry.analyst_signature is not null then 'signed'
        when own_key.n_keys > 0 then 'not signed'
    end as analyst_signature
from core.decision as decision
left join core.ledger as entry on entry.kind = 'decision' and decision.decision_id = entry.record_id
left join own_key on decision.decision_id = own_key.decision_id;
comment on view mart.decision_signature is 'How each decision is held by the chain: signed or recorded, and by whom; one row per decision_id.';
