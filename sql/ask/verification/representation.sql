/* The representations of some LoRAs, from their shards (`shard_row`): what the rows of core.representation are by
   definition. The commit computes the same bits from the shards themselves (docs/method.md).

   Parameters: $profile_id, $lora_ids (list). Grain: one row per LoRA of the list that has embeddings.
   Each step is a macro of representation/, which says what a row of it is and takes the steps before it by name.
   Pairs are joined by key (prompt_id, seed). Sums over pairs are exact (core.exact) or taken in the order of the key,
   so the result does not depend on threads, on the shards' order or on which LoRAs are computed together.
   Formulas: docs/method.md; the macros in sql/macros state theirs. */
with
wanted as (from wanted($lora_ids)),

-- What is read more than once is kept: DuckDB would otherwise compute it for each reader.
pair as materialized (from pair($profile_id, 'wanted')),
four as (from four('pair')),
prompt_component as materialized (from prompt_component('four')),
component as materialized (from component('prompt_component')),
prompt_sum as materialized (from prompt_sum('pair', 'prompt_component', 'component')),
lora_sum as materialized (from lora_sum('prompt_sum', 'component')),
left_out as (from left_out('prompt_sum', 'lora_sum')),
standard_error as (from standard_error('left_out')),
flag_count as (from flag_count('pair')),

estimate as (
    select
        wanted.lora_id,
        n_flagged * 2 > n_all as is_degenerate,
        direction,
        length / n as strength,
        core.consistency(u_norm2, n_nonzero) as consistency,
        coalesce(n, 0) as n_pairs,
        coalesce(n_prompts, 0) as n_prompts,
        coalesce(n - n_nonzero, 0) as n_zero,
        n_flagged,
        strength_se,
        consistency_se,
        core.direction_cosine_lower(
            core.consistency_between_prompts(u_norm2, u_own, n_nonzero, n_nonzero2),
            between_prompts_se,
            n_nonzero_prompts
        ) as direction_cosine_lower,
        core.prompt_retention(x_spread, y_spread, mean_x, mean_y, n, n_prompts) as prompt_retention
    from flag_count
    inner join wanted using (lora_no)
    left join lora_sum using (lora_no)
    left join standard_error using (lora_no)
)

select
    $profile_id as profile_id,
    lora_id,
    case when is_degenerate then 'degenerate' else 'measured' end as measured,
    case when not is_degenerate then direction::float[] end as direction,
    strength,
    consistency,
    n_pairs::integer as n_pairs,
    n_prompts::integer as n_prompts,
    n_zero::integer as n_zero,
    n_flagged::integer as n_flagged,
    strength_se,
    consistency_se,
    direction_cosine_lower,
    prompt_retention
from estimate
order by lora_id;
