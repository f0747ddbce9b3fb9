/* LoRAs of one base model whose weights are nearest to each other. Grain: one row per (lora_id, other_id) with
   lora_id < other_id. A LoRA brings the 8 nearest by output_cosine of those that had a sketch when it came, and of those
   that came with it. Written by carlos_tasks/commit/alike_weights.py; what the numbers mean: core.weights_kind. */
create table if not exists core.alike_weights (
    lora_id varchar not null,
    other_id varchar not null,
    change_cosine double not null,
    output_cosine double not null,
    output_z double
);
comment on table core.alike_weights is 'LoRAs with the nearest weights; one row per (lora_id, other_id).';
comment on column core.alike_weights.lora_id is 'The LoRA whose id sorts first.';
comment on column core.alike_weights.other_id is 'The other LoRA.';
comment on column core.alike_weights.change_cosine is 'Estimated cosine of their weight changes, standard error .011.';
comment on column core.alike_weights.output_cosine is 'Cosine of their output sketches.';
comment on column core.alike_weights.output_z is 'How many spreads (1.4826 median absolute deviations) output_cosine lies above the median of what the later LoRA was compared with; null where those are fewer than 12.';
