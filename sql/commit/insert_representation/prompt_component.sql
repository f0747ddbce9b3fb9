/* prompt_component(fours): one component of the sums over a prompt's pairs, exact (core.exact).
   Grain: one row per (LoRA, prompt, dimension). fours: four.
   Columns: lora_no, prompt_no; i: dimension, from 1; v: sum of x - y; u: sum of the unit vectors (x - y) / |x - y|; y: sum
   of y. */
create or replace temp macro prompt_component(fours) as table
with term as (
    select
        lora_no,
        prompt_no,
        per_a,
        per_b,
        per_c,
        per_d,
        unnest(four.y_a) as y_a,
        unnest(four.y_b) as y_b,
        unnest(four.y_c) as y_c,
        unnest(four.y_d) as y_d,
        unnest(four.x_a) - unnest(four.y_a) as v_a,
        unnest(four.x_b) - unnest(four.y_b) as v_b,
        unnest(four.x_c) - unnest(four.y_c) as v_c,
        unnest(four.x_d) - unnest(four.y_d) as v_d,
        generate_subscripts(four.x_a, 1)::int as i
    from query_table(fours) as four
)

select
    lora_no,
    prompt_no,
    i,
    sum(core.exact(v_a::double + v_b + v_c + v_d)) as v,
    sum(core.exact(v_a * per_a + v_b * per_b + v_c * per_c + v_d * per_d)) as u,
    sum(core.exact(y_a::double + y_b + y_c + y_d)) as y
from term
group by lora_no, prompt_no, i;
