/* Forgets some LoRAs' differences by prompt: they are measured once more. Parameters: $profile_id, $lora_ids. */
delete from core.prompt_difference
where profile_id = $profile_id and lora_id in (select unnest($lora_ids::varchar[]));
