/* Appends the listings of an intake file (`seen`, a registered table) that are new, or whose record or bytes changed. */
insert into raw.listing by name
select * exclude (kind, lora, rejection)
from seen
where kind = 'listing' and not exists (
    from raw.listing as known
    where
        known.source = seen.source
        and known.model_id = seen.model_id
        and known.version_id = seen.version_id
        and known.file_id = seen.file_id
        and known.payload_sha256 is not distinct from seen.payload_sha256
        and known.lora_id is not distinct from seen.lora_id
)
order by source, model_id, version_id, file_id;
