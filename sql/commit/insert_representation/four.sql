/* four(pairs): pairs whose seeds follow each other, side by side: adding four pairs before they are grouped makes the
   group by of prompt_component, which is most of the work, four times as short.
   Grain: one row per (LoRA, prompt, four seeds) with a pair that is not flagged. What is flagged or missing stands as a
   zero vector, with a per_length of 0. pairs: pair.
   Columns: lora_no, prompt_no; x_a to x_d, y_a to y_d: float[] (d,) of the four places; per_a to per_d: 1 / |x - y|. */
create or replace temp macro four(pairs) as table
with zero as (
    select lora_no, prompt_no, four_no, list_resize([]::float[], any_value(len(x)), 0.0::float) as zero
    from query_table(pairs)
    where not is_flagged
    group by lora_no, prompt_no, four_no
)

select
    lora_no,
    prompt_no,
    coalesce(a.x, zero) as x_a,
    coalesce(b.x, zero) as x_b,
    coalesce(c.x, zero) as x_c,
    coalesce(d.x, zero) as x_d,
    coalesce(a.y, zero) as y_a,
    coalesce(b.y, zero) as y_b,
    coalesce(c.y, zero) as y_c,
    coalesce(d.y, zero) as y_d,
    coalesce(a.per_length, 0) as per_a,
    coalesce(b.per_length, 0) as per_b,
    coalesce(c.per_length, 0) as per_c,
    coalesce(d.per_length, 0) as per_d
from zero
left join (from query_table(pairs) where place = 0 and not is_flagged) as a using (lora_no, prompt_no, four_no)
left join (from query_table(pairs) where place = 1 and not is_flagged) as b using (lora_no, prompt_no, four_no)
left join (from query_table(pairs) where place = 2 and not is_flagged) as c using (lora_no, prompt_no, four_no)
left join (from query_table(pairs) where place = 3 and not is_flagged) as d using (lora_no, prompt_no, four_no);
