/* Notes that LoRAs are right again: closes what is open of them. Parameters: $profile_id, $lora_ids. */
update core.damage set resolved_at = now()
where
    profile_id = $profile_id
    and list_contains($lora_ids::varchar[], lora_id)
    and resolved_at is null;
