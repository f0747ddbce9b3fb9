/* Appends the listings of intake files (`seen`) that are new, or whose record or bytes changed. Descriptions and payloads
   are most of the bytes, and hostile ones are large: what is new is told from the keys alone, and the rest streams
   through a semi join (a correlated `exists` would collect it first). Of two shards of one commit that list the same,
   the first counts. */
insert into raw.listing by name
with fresh as materialized (
    select source, model_id, version_id, file_id, payload_sha256, lora_id, min(shard_key) as shard_key
    from seen
    anti join raw.listing as known
        on
            known.source = seen.source
            and known.model_id = seen.model_id
            and known.version_id = seen.version_id
            and known.file_id = seen.file_id
            and known.payload_sha256 is not distinct from seen.payload_sha256
            and known.lora_id is not distinct from seen.lora_id
    where kind = 'listing'
    group by source, model_id, version_id, file_id, payload_sha256, lora_id
)

select seen.* exclude (kind, lora, rejection), now() as taken_in_at
from seen
semi join fresh
    on
        fresh.source = seen.source
        and fresh.model_id = seen.model_id
        and fresh.version_id = seen.version_id
        and fresh.file_id = seen.file_id
        and fresh.payload_sha256 is not distinct from seen.payload_sha256
        and fresh.lora_id is not distinct from seen.lora_id
        and fresh.shard_key = seen.shard_key
where kind = 'listing';
