/* flag_count(pairs): how many pairs of a LoRA are flagged. Grain: one row per LoRA with a pair. pairs: pair.
   Columns: lora_no; n_all, n_flagged: pairs, and those that are flagged. */
create or replace temp macro flag_count(pairs) as table
select lora_no, count(*) as n_all, count(*) filter (is_flagged) as n_flagged
from query_table(pairs)
group by lora_no;
