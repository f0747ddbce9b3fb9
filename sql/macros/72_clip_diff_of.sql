/* mart.clip_diff_of(of_lora, of_profile := '*'): CLIP differences of a LoRA, pair by pair; '*': of all.
   Grain: one row per (profile_id, lora_id, prompt_id, seed) that has a baseline. Columns as the view mart.clip_diff.
   Pairs are joined by key, never by position. `difference` is null, and `length` too, where `flag` says why the pair is
   not used. */
create or replace macro mart.clip_diff_of(of_lora, of_profile := '*') as table (
    with pair as (
        select
            lora.profile_id,
            lora.lora_id,
            lora.prompt_id,
            lora.seed,
            coalesce(lora.flag, baseline.flag) as flag,
            lora.embedding as embedding_lora,
            baseline.embedding as embedding_base,
            lora.image_mean as image_mean_lora,
            lora.image_std as image_std_lora
        from core.embedding_of(of_lora, of_profile) as lora
        inner join core.embedding_of('base', of_profile) as baseline
            on
                lora.profile_id = baseline.profile_id
                and lora.prompt_id = baseline.prompt_id
                and lora.seed = baseline.seed
        where lora.lora_id <> 'base'
    )

    select
        *,
        case when flag is null then list_distance(embedding_lora::double[], embedding_base::double[]) end as length,
        case when flag is null then [x[1] - x[2] for x in list_zip(embedding_lora, embedding_base)] end as difference
    from pair
);
