/* CLIP differences, pair by pair, of every LoRA. Grain: one row per (profile_id, lora_id, prompt_id, seed) that has a
   baseline. As the macro mart.clip_diff_of('<lora_id>'), which lists the folder of one LoRA alone: in a large lake ask that. */
create or replace view mart.clip_diff as
from mart.clip_diff_of('*');
comment on view mart.clip_diff is 'CLIP differences; one row per pair (profile_id, lora_id, prompt_id, seed).';
