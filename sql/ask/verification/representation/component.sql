/* component(prompt_components): one component of the sums over all pairs. Grain: one row per (LoRA, dimension).
   prompt_components: prompt_component.
   Columns: lora_no; i: dimension, from 1; v, u, y: sums as in prompt_component. */
create or replace temp macro component(prompt_components) as table
select lora_no, i, sum(v) as v, sum(u) as u, sum(y) as y
from query_table(prompt_components)
group by lora_no, i;
