/* Shards of some LoRAs that are in the lake, in their order. Parameters: $profile_id, $lora_ids. Grain: one row per shard.
   The list is joined, not searched: a join tells the scan which LoRAs to look for, and it skips the rest. */
select lora_id, key, sha256, size_bytes
from core.embedding_shard as known
semi join (select unnest($lora_ids::varchar[]) as lora_id) as wanted using (lora_id)
where known.profile_id = $profile_id
order by lora_id, number;
