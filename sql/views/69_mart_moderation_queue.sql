/* What waits for a decision, the most pressing first. Grain: one row per lora_id. Columns as mart.moderation_case, whose
   decided cases are left out. */
create or replace view mart.moderation_queue as
from mart.moderation_case
where status <> 'decided'
order by priority desc, due_at nulls last, opened_at, lora_id;
comment on view mart.moderation_queue is 'What waits for a decision, the most pressing first; one row per lora_id.';
