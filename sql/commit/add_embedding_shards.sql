/* Puts shards into the lake (`checked`, a registered table with the columns of core.embedding_shard but the time). A row
   that a key has already makes place before. */
insert into core.embedding_shard by name
select *, now() as recorded_at
from checked
order by profile_id, lora_id, number;
