/* Forgets what was recorded of shards, for others to take their place. Parameters: $lora_ids, which the table is ordered
   by, and $keys. */
delete from core.embedding_shard
where list_contains($lora_ids::varchar[], lora_id) and list_contains($keys::varchar[], key);
