/* Appeals against no decision about the same LoRA, outcomes of no appeal, and steps that name a notice that is not there.
   Must return no rows. */
select step.decision_id, step.lora_id, step.action, step.refers_to, step.notice_id
from core.decision as step
left join core.decision as target on step.refers_to = target.decision_id and step.lora_id = target.lora_id
left join core.notice as notice on step.notice_id = notice.notice_id and step.lora_id = notice.lora_id
where
    (step.action = 'appeal' and not core.decides(target.action))
    or (step.action in ('uphold', 'overturn') and target.action <> 'appeal')
    or (step.action in ('appeal', 'uphold', 'overturn') and target.action is null)
    or (step.notice_id is not null and notice.notice_id is null)
order by step.decision_id;
