/* What some LoRAs do to each prompt, from their shards (`shard_row`): what the rows of core.prompt_difference are by
   definition. The commit computes the same bits from the shards themselves (docs/method.md).

   Parameters: $profile_id, $lora_ids (list). Grain: one row per LoRA of the list and prompt with a pair that is not
   flagged. Pairs are joined by key (prompt_id, seed). Sums over seeds are exact (core.exact), so the same shards give
   the same bits whatever their order. */
with
baseline as (
    select prompt_id, seed, embedding, flag
    from shard_row
    where lora_id = 'base'
),

-- One row per pair. x: with the LoRA, y: baseline.
pair as (
    select lora.lora_id, lora.prompt_id, lora.embedding as x, baseline.embedding as y
    from shard_row as lora
    inner join baseline using (prompt_id, seed)
    where
        lora.lora_id in (select unnest($lora_ids::varchar[]))
        and lora.flag is null
        and baseline.flag is null
),

-- One row per (pair, dimension i).
term as (
    select lora_id, prompt_id, unnest(x) - unnest(y) as v, generate_subscripts(x, 1)::int as i
    from pair
),

component as (
    select lora_id, prompt_id, i, count(*) as n, sum(core.exact(v::double)) as v
    from term
    group by lora_id, prompt_id, i
)

select
    $profile_id as profile_id,
    lora_id,
    prompt_id,
    any_value(n)::integer as n_pairs,
    list((v / n)::float order by i) as difference
from component
group by lora_id, prompt_id
order by lora_id, prompt_id;
