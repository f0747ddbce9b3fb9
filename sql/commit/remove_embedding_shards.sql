/* Takes shards out of the lake: what is computed from then on is computed without them. Parameter: $keys. */
delete from core.embedding_shard
where list_contains($keys::varchar[], key);
