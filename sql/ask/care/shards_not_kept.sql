/* Shards of the lake that a backup does not hold as they were committed. Grain: one row per shard, by key.
   Parameter: $objects, the path of the backup's list of objects. */
select shard.key
from core.embedding_shard as shard
left join read_parquet($objects) as kept on kept.key = shard.key
where kept.key is null or kept.size_bytes <> shard.size_bytes or kept.sha256 <> shard.sha256
order by shard.key;
