/* Embeddings, as the workers left them in parquet shards. Grain: one row per (profile_id, lora_id, prompt_id, seed).
   lora_id 'base' is the baseline: the bare backbone. The shards lie in the store and are no files of the catalog, which
   would grow by several a LoRA: core.embedding_shard names them. With a filter on lora_id only that LoRA's shards are
   read, but the whole store is listed first: in a large lake ask core.embedding_of('<lora_id>') instead. */
create or replace view core.embedding as
from core.embedding_of('*');
comment on view core.embedding is 'CLIP features of the images; one row per (profile_id, lora_id, prompt_id, seed).';
