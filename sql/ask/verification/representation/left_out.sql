/* left_out(prompt_sums, lora_sums): the estimates with one prompt left out, for the jackknife.
   Grain: one row per (LoRA, prompt that is left out). prompt_sums: prompt_sum; lora_sums: lora_sum.
   Columns: lora_no, prompt_no; strength: null where no pair is left; consistency, between_prompts: core.consistency and
   core.consistency_between_prompts of the other prompts' pairs. */
create or replace temp macro left_out(prompt_sums, lora_sums) as table
select
    lora_no,
    part.prompt_no,
    case when whole.n > part.n then (whole.length - part.length) / (whole.n - part.n) end as strength,
    core.consistency(whole.u_norm2 - 2 * part.u_whole + part.u_own, whole.n_nonzero - part.n_nonzero) as consistency,
    core.consistency_between_prompts(
        whole.u_norm2 - 2 * part.u_whole + part.u_own,
        whole.u_own - part.u_own,
        whole.n_nonzero - part.n_nonzero,
        whole.n_nonzero2 - part.n_nonzero * part.n_nonzero
    ) as between_prompts
from query_table(prompt_sums) as part
inner join query_table(lora_sums) as whole using (lora_no);
