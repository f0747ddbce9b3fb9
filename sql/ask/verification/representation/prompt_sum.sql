/* prompt_sum(pairs, prompt_components, components): what a prompt's pairs add to the sums of its LoRA.
   Grain: one row per (LoRA, prompt) with a pair that is not flagged. pairs: pair; prompt_components: prompt_component;
   components: component. With U the sum of a LoRA's unit vectors and U_p the part of it that is of the prompt:
   Columns: lora_no, prompt_no; n: pairs; n_nonzero: those that differ; length: sum of |x - y|; u_whole: <U, U_p>; u_own:
   |U_p|^2; x_own, y_own: squared lengths of the prompt's sums of x and of y. */
create or replace temp macro prompt_sum(pairs, prompt_components, components) as table
with
counted as (
    select
        lora_no,
        prompt_no,
        count(*) as n,
        count(*) filter (length > 0) as n_nonzero,
        list_sum(list(length order by four_no, place)) as length
    from query_table(pairs)
    where not is_flagged
    group by lora_no, prompt_no
),

multiplied as (
    select
        part.lora_no,
        part.prompt_no,
        sum(core.exact(whole.u * part.u)) as u_whole,
        sum(core.exact(part.u * part.u)) as u_own,
        -- x = v + y.
        sum(core.exact((part.v + part.y) * (part.v + part.y))) as x_own,
        sum(core.exact(part.y * part.y)) as y_own
    from query_table(prompt_components) as part
    inner join query_table(components) as whole using (lora_no, i)
    group by part.lora_no, part.prompt_no
)

select
    lora_no,
    prompt_no,
    n,
    n_nonzero,
    length,
    u_whole,
    u_own,
    x_own,
    y_own
from counted
inner join multiplied using (lora_no, prompt_no);
