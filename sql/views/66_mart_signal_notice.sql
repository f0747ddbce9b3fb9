/* Signal: somebody complains of a LoRA. Grain: one row per notice_id. Columns as mart.signal; subject is the notice.
   since: when it was recorded, so that one that comes in with an earlier date still opens the case again. Who sent it and
   what it says stay in core.notice. */
create or replace view mart.signal_notice as
select
    null::varchar as profile_id,
    lora_id,
    'notice' as signal,
    notice_id as subject,
    core.signal_severity('notice', category) as severity,
    recorded_at as since,
    due_at,
    format(
        'notice of {} from a {}, received {}',
        category,
        replace(sender_kind, '_', ' '),
        strftime(received_at at time zone 'UTC', '%Y-%m-%d %H:%M UTC')
    ) as detail,
    to_json({
        'notice_id': notice_id,
        'category': category,
        'sender_kind': sender_kind,
        'policy': policy,
        'concept_id': concept_id,
        'received_at': strftime(received_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ')
    })::varchar as evidence
from core.notice;
comment on view mart.signal_notice is 'Signal: a complaint; one row per notice_id.';
