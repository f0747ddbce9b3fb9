/* Computes the representations of some LoRAs from their registered shards and inserts them.

   Parameters: $profile_id, $lora_ids (list). Grain: one row per LoRA of the list that has embeddings.
   Pairs are joined by key (prompt_id, seed). Sums over pairs are exact (core.exact) or taken in the order of the key,
   so the result does not depend on threads, on the shards' order or on which LoRAs are computed together.
   Formulas: docs/method.md; the macros in sql/macros state theirs. */
insert into core.representation by name
with
baseline as (
    select prompt_id, seed, embedding, flag
    from core.embedding
    where profile_id = $profile_id and lora_id = 'base'
),

prompt as (
    select prompt_id, row_number() over (order by prompt_id)::int as prompt_no
    from (select distinct prompt_id from baseline)
),

-- Seeds are taken four at a time: see `term`.
seed as (
    select seed, (row_number() over (order by seed) - 1)::int as seed_no
    from (select distinct seed from baseline)
),

wanted as (
    select lora_id, row_number() over (order by lora_id)::int as lora_no
    from (select distinct unnest($lora_ids::varchar[]) as lora_id)
),

-- One row per pair. x: with the LoRA, y: baseline, length: |x - y|.
pair as materialized (
    select
        wanted.lora_no,
        prompt.prompt_no,
        seed_no // 4 as four_no,
        seed_no % 4 as place,
        lora.embedding as x,
        baseline.embedding as y,
        list_distance(x::double[], y::double[]) as length,
        -- v = 0 has no direction: its u is 0, and it is not counted in n_nonzero.
        case when length > 0 then 1 / length else 0 end as per_length,
        lora.flag is not null or baseline.flag is not null as is_flagged
    from core.embedding as lora
    inner join wanted using (lora_id)
    inner join baseline using (prompt_id, seed)
    inner join prompt using (prompt_id)
    inner join seed using (seed)
    where lora.profile_id = $profile_id
),

-- One row per (LoRA, prompt, four seeds); what is flagged or missing stands as a zero vector. Adding four pairs before
-- the grouping makes the group by, which is most of the work, four times as short.
four as (
    select lora_no, prompt_no, four_no, list_resize([]::float[], any_value(len(x)), 0.0::float) as zero
    from pair
    where not is_flagged
    group by lora_no, prompt_no, four_no
),

term as (
    select
        lora_no,
        prompt_no,
        coalesce(a.per_length, 0) as per_a,
        coalesce(b.per_length, 0) as per_b,
        coalesce(c.per_length, 0) as per_c,
        coalesce(d.per_length, 0) as per_d,
        unnest(coalesce(a.y, zero)) as y_a,
        unnest(coalesce(b.y, zero)) as y_b,
        unnest(coalesce(c.y, zero)) as y_c,
        unnest(coalesce(d.y, zero)) as y_d,
        unnest(coalesce(a.x, zero)) - y_a as v_a,
        unnest(coalesce(b.x, zero)) - y_b as v_b,
        unnest(coalesce(c.x, zero)) - y_c as v_c,
        unnest(coalesce(d.x, zero)) - y_d as v_d,
        generate_subscripts(zero, 1)::int as i
    from four
    left join (from pair where place = 0 and not is_flagged) as a using (lora_no, prompt_no, four_no)
    left join (from pair where place = 1 and not is_flagged) as b using (lora_no, prompt_no, four_no)
    left join (from pair where place = 2 and not is_flagged) as c using (lora_no, prompt_no, four_no)
    left join (from pair where place = 3 and not is_flagged) as d using (lora_no, prompt_no, four_no)
),

-- One row per (LoRA, prompt, dimension i): sums of v = x - y, of the unit vectors u = v / |v|, and of y.
prompt_component as materialized (
    select
        lora_no,
        prompt_no,
        i,
        sum(core.exact(v_a::double + v_b + v_c + v_d)) as v,
        sum(core.exact(v_a * per_a + v_b * per_b + v_c * per_c + v_d * per_d)) as u,
        sum(core.exact(y_a::double + y_b + y_c + y_d)) as y
    from term
    group by lora_no, prompt_no, i
),

component as materialized (
    select lora_no, i, sum(v) as v, sum(u) as u, sum(y) as y
    from prompt_component
    group by lora_no, i
),

-- One row per (LoRA, prompt): <U, U_p> and |U_p|^2 of the sum U of unit vectors and its part U_p, and the squared
-- lengths of the sums of x = v + y and of y.
prompt_product as materialized (
    select
        part.lora_no,
        part.prompt_no,
        sum(core.exact(whole.u * part.u)) as u_whole,
        sum(core.exact(part.u * part.u)) as u_own,
        sum(core.exact((part.v + part.y) * (part.v + part.y))) as x_own,
        sum(core.exact(part.y * part.y)) as y_own
    from prompt_component as part
    inner join component as whole using (lora_no, i)
    group by part.lora_no, part.prompt_no
),

prompt_count as materialized (
    select
        lora_no,
        prompt_no,
        count(*) as n,
        count(*) filter (length > 0) as n_nonzero,
        list_sum(list(length order by four_no, place)) as length
    from pair
    where not is_flagged
    group by lora_no, prompt_no
),

-- One row per LoRA.
total as (
    select
        lora_no,
        sum(n) as n,
        sum(n_nonzero) as n_nonzero,
        sum(n_nonzero * n_nonzero) as n_nonzero2,
        count(*) as n_prompts,
        count(*) filter (n_nonzero > 0) as n_nonzero_prompts,
        list_sum(list(length order by prompt_no)) as length,
        list_sum(list(x_own / n order by prompt_no)) as x_spread,
        list_sum(list(y_own / n order by prompt_no)) as y_spread,
        list_sum(list(u_own order by prompt_no)) as u_own
    from prompt_count
    inner join prompt_product using (lora_no, prompt_no)
    group by lora_no
),

vector as (
    select
        lora_no,
        list(v / n order by i) as direction,
        list(y / n order by i) as mean_y,
        list((v + y) / n order by i) as mean_x,
        list_sum(list(u * u order by i)) as u_norm2
    from component
    inner join total using (lora_no)
    group by lora_no
),

-- One row per LoRA: the estimates with one prompt left out, in the order of the prompts.
left_out as (
    select
        lora_no,
        list(
            case when total.n > part.n then (total.length - part.length) / (total.n - part.n) end
            order by prompt_no
        ) as strength,
        list(
            core.consistency(u_norm2 - 2 * u_whole + product.u_own, total.n_nonzero - part.n_nonzero)
            order by prompt_no
        ) as consistency,
        list(
            core.consistency_between_prompts(
                u_norm2 - 2 * u_whole + product.u_own,
                total.u_own - product.u_own,
                total.n_nonzero - part.n_nonzero,
                n_nonzero2 - part.n_nonzero * part.n_nonzero
            )
            order by prompt_no
        ) as between_prompts
    from prompt_count as part
    inner join total using (lora_no)
    inner join vector using (lora_no)
    inner join prompt_product as product using (lora_no, prompt_no)
    group by lora_no
),

flagged as (
    select lora_no, count(*) as n_all, count(*) filter (is_flagged) as n_flagged
    from pair
    group by lora_no
),

estimate as (
    select
        wanted.lora_id,
        n_flagged * 2 > n_all as is_degenerate,
        direction,
        total.length / total.n as strength,
        core.consistency(u_norm2, n_nonzero) as consistency,
        coalesce(n, 0) as n_pairs,
        coalesce(n_prompts, 0) as n_prompts,
        coalesce(n - n_nonzero, 0) as n_zero,
        n_flagged,
        core.jackknife_se(left_out.strength) as strength_se,
        core.jackknife_se(left_out.consistency) as consistency_se,
        core.direction_cosine_lower(
            core.consistency_between_prompts(u_norm2, u_own, n_nonzero, n_nonzero2),
            core.jackknife_se(left_out.between_prompts),
            n_nonzero_prompts
        ) as direction_cosine_lower,
        core.prompt_retention(x_spread, y_spread, mean_x, mean_y, n, n_prompts) as prompt_retention
    from flagged
    inner join wanted using (lora_no)
    left join total using (lora_no)
    left join vector using (lora_no)
    left join left_out using (lora_no)
)

select
    $profile_id as profile_id,
    lora_id,
    case when is_degenerate then 'degenerate' else 'measured' end as measured,
    case when not is_degenerate then direction::float[] end as direction,
    strength,
    consistency,
    n_pairs,
    n_prompts,
    n_zero,
    n_flagged,
    strength_se,
    consistency_se,
    direction_cosine_lower,
    prompt_retention,
    now() as computed_at
from estimate
order by lora_id;
