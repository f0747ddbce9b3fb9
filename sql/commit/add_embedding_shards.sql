/* Appends the hashes of shards (`checked`, a registered table with the columns of core.embedding_shard but the time).
   What was known of a key before makes place for it. */
insert into core.embedding_shard by name
select *, now() as recorded_at
from checked
order by profile_id, lora_id, number;
