/* Listings whose bytes were taken in and that core.lora does not know. Must return no rows. */
select source, model_id, version_id, file_id, lora_id
from raw.listing as listing
where
    lora_id is not null
    and not exists (from core.lora where lora.lora_id = listing.lora_id)
    and not exists (from raw.rejection where rejection.lora_id = listing.lora_id)
order by all;
