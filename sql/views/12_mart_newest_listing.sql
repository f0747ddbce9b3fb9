/* The newest state of each file's record at its source. Grain: one row per (source, model_id, version_id, file_id, lora_id)
   of the listings that have a LoRA; a file whose bytes changed has one of each. Untrusted text. */
create or replace view mart.newest_listing as
from raw.listing
where lora_id is not null
qualify row_number() over (
    partition by source, model_id, version_id, file_id, lora_id order by seen_at desc, payload_sha256
) = 1;
comment on view mart.newest_listing is 'The newest state of each file''s record at its source, untrusted; one row per file and LoRA.';
