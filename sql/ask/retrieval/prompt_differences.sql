/* The mean difference of each prompt, of some LoRAs, sorted by LoRA and prompt. Parameters: $profile_id, $lora_ids.
   The list is joined, not searched: a join tells the scan which LoRAs to look for, and it skips the rest. */
select lora_id, prompt_id, n_pairs, difference
from core.prompt_difference as known
semi join (select unnest($lora_ids::varchar[]) as lora_id) as wanted using (lora_id)
where known.profile_id = $profile_id
order by lora_id, prompt_id;
