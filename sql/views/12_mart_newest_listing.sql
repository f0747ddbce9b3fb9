/* The newest state of each file's record at its source. Grain: one row per (source, model_id, version_id, file_id, lora_id)
   of the listings that have a LoRA; a file whose bytes changed has one of each. Untrusted text. */
create or replace view mart.newest_listing as from core.newest_listing('raw.listing');
comment on view mart.newest_listing is 'The newest state of each file''s record at its source, untrusted; one row per file and LoRA.';
