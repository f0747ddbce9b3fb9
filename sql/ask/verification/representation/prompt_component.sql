/* prompt_component(fours): one component of the sums over a prompt's pairs, exact (core.exact).
   Grain: one row per (LoRA, prompt, dimension). fours: four.
   Columns: lora_no, prompt_no; i: dimension, from 1; v: sum of x - y; u: sum of the unit vectors (x - y) / |x - y|; y: sum
   of y. */
create or replace temp macro prompt_component(fours) as table
with term as (
    select
        lora_no,
        prompt_no,
        coalesce(per_a, 0) as per_length_a,
        coalesce(per_b, 0) as per_length_b,
        coalesce(per_c, 0) as per_length_c,
        coalesce(per_d, 0) as per_length_d,
        unnest(coalesce(y_a, zero)) as base_a,
        unnest(coalesce(y_b, zero)) as base_b,
        unnest(coalesce(y_c, zero)) as base_c,
        unnest(coalesce(y_d, zero)) as base_d,
        unnest(coalesce(x_a, zero)) - base_a as v_a,
        unnest(coalesce(x_b, zero)) - base_b as v_b,
        unnest(coalesce(x_c, zero)) - base_c as v_c,
        unnest(coalesce(x_d, zero)) - base_d as v_d,
        generate_subscripts(zero, 1)::int as i
    from query_table(fours)
)

select
    lora_no,
    prompt_no,
    i,
    sum(core.exact(v_a::double + v_b + v_c + v_d)) as v,
    sum(core.exact(v_a * per_length_a + v_b * per_length_b + v_c * per_length_c + v_d * per_length_d)) as u,
    sum(core.exact(base_a::double + base_b + base_c + base_d)) as y
from term
group by lora_no, prompt_no, i;
