/* Copies what names LoRAs into the new copy, carlos_new_copy. Sorted by LoRA: ten LoRAs are then in few places.
   Reads: raw.listing. */
create table carlos_new_copy.raw.listing as
select
    lora_id,
    source,
    model_id,
    version_id,
    file_id,
    seen_at,
    payload_sha256,
    name,
    published_at
from raw.listing
where lora_id is not null
order by lora_id;
