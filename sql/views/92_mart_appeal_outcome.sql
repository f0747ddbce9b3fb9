/* What became of each appeal. Grain: one row per appeal (appeal_id). decision_id: the decision that it is against, with its
   action. outcome: upheld, overturned or open. hours: from appeal to outcome. */
create or replace view mart.appeal_outcome as
select
    appeal.decision_id as appeal_id,
    appeal.lora_id,
    appeal.refers_to as decision_id,
    judged.action,
    judged.category,
    judged.automated_detection,
    appeal.decided_at as appealed_at,
    answer.decided_at as answered_at,
    case answer.action when 'uphold' then 'upheld' when 'overturn' then 'overturned' else 'open' end as outcome,
    date_diff('second', appeal.decided_at, answer.decided_at) / 3600 as hours
from mart.decision as appeal
left join core.decision as judged on appeal.refers_to = judged.decision_id
left join core.decision as answer on appeal.answered_by = answer.decision_id
where appeal.action = 'appeal';
comment on view mart.appeal_outcome is 'What became of each appeal; one row per appeal_id.';
