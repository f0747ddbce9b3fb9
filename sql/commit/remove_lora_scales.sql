/* Deletes the rows of core.lora_scale whose scale was swept again (`swept`), so that the new ones take their place. */
delete from core.lora_scale
where (profile_id, lora_id, scale) in (select (profile_id, lora_id, scale) from swept);
