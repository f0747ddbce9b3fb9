/* lora_sum(prompt_sums, components): the sums over all pairs of a LoRA, from which its estimates follow.
   Grain: one row per LoRA with a pair that is not flagged. prompt_sums: prompt_sum; components: component.
   Columns: lora_no; n, n_nonzero: pairs, and those that differ; n_nonzero2: sum of each prompt's n_nonzero^2; n_prompts,
   n_nonzero_prompts: prompts of either; length: sum of |x - y|; x_spread, y_spread: sums of each prompt's n |mean|^2 of x
   and of y; u_own: sum of |U_p|^2; u_norm2: |U|^2 (prompt_sum has U and U_p); direction, mean_x, mean_y: means of x - y,
   of x and of y, double[] (d,). */
create or replace temp macro lora_sum(prompt_sums, components) as table
with
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
    from query_table(prompt_sums)
    group by lora_no
),

vector as (
    select
        lora_no,
        list(v / n order by i) as direction,
        list(y / n order by i) as mean_y,
        list((v + y) / n order by i) as mean_x,
        list_sum(list(u * u order by i)) as u_norm2
    from query_table(components)
    inner join total using (lora_no)
    group by lora_no
)

from total
inner join vector using (lora_no);
