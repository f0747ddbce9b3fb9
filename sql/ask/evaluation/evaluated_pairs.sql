/* The pairs of one LoRA that count, in any order. Parameters: $profile_id, $lora_id. */
select prompt_id, seed, difference
from mart.clip_diff_of($lora_id, $profile_id)
where flag is null;
