/* four(pairs): pairs whose seeds follow each other, side by side: adding four pairs before they are grouped makes the
   group by of prompt_component, which is most of the work, four times as short.
   Grain: one row per (LoRA, prompt, four seeds) with a pair that is not flagged. pairs: pair.
   Columns: lora_no, prompt_no; x_a to x_d, y_a to y_d: float[] (d,) of the four places; per_a to per_d: 1 / |x - y|; null
   where the pair is flagged or missing; zero: float[] (d,), what stands in its place in sums. */
create or replace temp macro four(pairs) as table
with four as (
    select lora_no, prompt_no, four_no, list_resize([]::float[], any_value(len(x)), 0.0::float) as zero
    from query_table(pairs)
    where not is_flagged
    group by lora_no, prompt_no, four_no
)

select
    lora_no,
    prompt_no,
    zero,
    a.x as x_a,
    b.x as x_b,
    c.x as x_c,
    d.x as x_d,
    a.y as y_a,
    b.y as y_b,
    c.y as y_c,
    d.y as y_d,
    a.per_length as per_a,
    b.per_length as per_b,
    c.per_length as per_c,
    d.per_length as per_d
from four
left join (from query_table(pairs) where place = 0 and not is_flagged) as a using (lora_no, prompt_no, four_no)
left join (from query_table(pairs) where place = 1 and not is_flagged) as b using (lora_no, prompt_no, four_no)
left join (from query_table(pairs) where place = 2 and not is_flagged) as c using (lora_no, prompt_no, four_no)
left join (from query_table(pairs) where place = 3 and not is_flagged) as d using (lora_no, prompt_no, four_no);
