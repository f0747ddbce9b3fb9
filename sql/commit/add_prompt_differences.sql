/* Inserts differences by prompt that the commit computed.
   Parameter: $profile_id. Reads: computed, columns of core.prompt_difference, one row per LoRA and prompt. */
insert into core.prompt_difference by name
select
    $profile_id as profile_id,
    *
from computed
order by lora_id, prompt_id;
