/* CLIP differences, pair by pair. Grain: one row per (profile_id, lora_id, prompt_id, seed) that has a baseline.
   Pairs are joined by key, never by position. `difference` is null, and `length` too, where `flag` says why the pair
   is not used. Filter by profile_id and lora_id: only their shards are read then. */
create or replace view mart.clip_diff as
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
    from core.embedding as lora
    inner join core.embedding as baseline
        on
            baseline.lora_id = 'base'
            and lora.profile_id = baseline.profile_id
            and lora.prompt_id = baseline.prompt_id
            and lora.seed = baseline.seed
    where lora.lora_id <> 'base'
)

select
    *,
    case when flag is null then list_distance(embedding_lora::double[], embedding_base::double[]) end as length,
    case when flag is null then [x[1] - x[2] for x in list_zip(embedding_lora, embedding_base)] end as difference
from pair;
comment on view mart.clip_diff is 'CLIP differences; one row per pair (profile_id, lora_id, prompt_id, seed).';
