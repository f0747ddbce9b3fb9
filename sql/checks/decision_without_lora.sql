/* Steps and complaints about a LoRA that the lake does not know. Must return no rows. */
select lora_id, decision_id, notice_id
from (
    select lora_id, decision_id, null as notice_id from core.decision
    union all
    select lora_id, null as decision_id, notice_id from core.notice
)
where
    lora_id not in (select lora_id from core.lora)
    and lora_id not in (select lora_id from core.representation)
order by all;
