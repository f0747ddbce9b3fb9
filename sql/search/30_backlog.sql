/* mart.backlog(profile, backbone): LoRAs made for a backbone that a profile (its id) has not measured yet, nor tried, and
   whose file is in the store.
   Grain: one row per lora_id, the longest known first; the same backlog comes in the same order. */
create or replace macro mart.backlog(profile, backbone) as table (
    select lora.lora_id, lora.file_key, lora.trigger_words
    from core.lora as lora
    where
        lora.base_model = backbone
        and lora.file_key is not null
        and not exists (
            from core.representation as done
            where done.profile_id = profile and done.lora_id = lora.lora_id
        )
    order by lora.first_seen_at, lora.lora_id
);
