/* core.shard_files(of_lora, of_profile): the files that may hold the shards of a LoRA, as read_parquet takes them.
   '*' stands for every one. The session's variable `carlos_store` says where the store lies; carlos_tasks sets it. */
create or replace macro core.shard_files(of_lora, of_profile) as
case
    when getvariable('carlos_store') is null
        then error('say first where the store lies: set variable carlos_store = ''s3://bucket/prefix'', or its folder')
    when not (regexp_full_match(of_lora, '[A-Za-z0-9._*-]+') and regexp_full_match(of_profile, '[A-Za-z0-9._*-]+'))
        then error('no ids of a LoRA and a profile: ''' || of_lora || ''', ''' || of_profile || '''')
    -- Signs of patterns in the name of the store stand for themselves.
    else
        regexp_replace(getvariable('carlos_store'), '([[*?])', '[\1]', 'g')
        || '/shards/profile_id=' || of_profile || '/lora_id=' || of_lora || '/*.parquet'
end;
