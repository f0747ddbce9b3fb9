/* core.embedding_of(of_lora, of_profile := '*'): the embeddings of a LoRA, 'base' for the bare backbone, '*' for all.
   Grain: one row per (profile_id, lora_id, prompt_id, seed). Only the folder of the LoRA is listed, and only its shards
   are read. Those that core.embedding_shard does not name are left out: what a worker left and no commit took. Where
   there is no shard at all, DuckDB says that it finds no file.
   Columns: embedding: unnormalised CLIP image feature, float32 (d,); image_mean, image_std: of the image's values, 0 to 1;
   flag: null, or why the pair is not used: nan, black, constant. */
create or replace macro core.embedding_of(of_lora, of_profile := '*') as table (
    select
        file.profile_id,
        file.lora_id,
        file.prompt_id,
        file.seed,
        file.embedding,
        file.image_mean,
        file.image_std,
        file.flag
    from read_parquet(
        core.shard_files(of_lora, of_profile), hive_partitioning = true, hive_types_autocast = false, filename = true
    ) as file
    inner join core.embedding_shard as shard
        on
            file.profile_id = shard.profile_id
            and file.lora_id = shard.lora_id
            and parse_filename(file.filename) = parse_filename(shard.key)
);
