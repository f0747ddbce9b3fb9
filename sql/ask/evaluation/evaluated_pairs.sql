/* The pairs of one LoRA that count, in any order. Parameters: $profile_id, $lora_id. */
select prompt_id, seed, difference
from mart.clip_diff
where profile_id = $profile_id and lora_id = $lora_id and flag is null;
