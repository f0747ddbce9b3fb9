/* standard_error(left_outs): standard errors of a LoRA's estimates, a delete-one-prompt jackknife (core.jackknife_se).
   Grain: one row per LoRA with a pair that is not flagged. left_outs: left_out.
   Columns: lora_no; strength_se, consistency_se, between_prompts_se: null below two prompts that have the estimate. */
create or replace temp macro standard_error(left_outs) as table
select
    lora_no,
    core.jackknife_se(list(strength order by prompt_no)) as strength_se,
    core.jackknife_se(list(consistency order by prompt_no)) as consistency_se,
    core.jackknife_se(list(between_prompts order by prompt_no)) as between_prompts_se
from query_table(left_outs)
group by lora_no;
