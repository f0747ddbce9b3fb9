/* LoRAs that are near by their weights, told before any picture: core.alike_weights where core.weights_kind says more than
   chance. Grain: one row per (lora_id, other_id) with lora_id < other_id, the surest kind first.
   norm_ratio: how much larger the changes of lora_id are; of a copy, how it was rescaled.
   kind: copy, part, trained_alike. The last is a guess: of a LoRA that was measured, mart.duplicate says what it does. */
create or replace view mart.alike_weights as
select
    near.lora_id,
    near.other_id,
    core.weights_kind(near.change_cosine, near.output_z) as kind,
    near.change_cosine,
    near.output_cosine,
    near.output_z,
    sketch.change_norm / other_sketch.change_norm as norm_ratio,
    sketch.base_model,
    listing.name,
    other_listing.name as other_name
from core.alike_weights as near
inner join core.weight_sketch as sketch on near.lora_id = sketch.lora_id
left join core.weight_sketch as other_sketch on near.other_id = other_sketch.lora_id
left join mart.lora_listing as listing on near.lora_id = listing.lora_id
left join mart.lora_listing as other_listing on near.other_id = other_listing.lora_id
where core.weights_kind(near.change_cosine, near.output_z) is not null
order by near.change_cosine desc, near.output_z desc nulls last, near.lora_id, near.other_id;
comment on view mart.alike_weights is 'LoRAs that are near by their weights; one row per (lora_id, other_id).';
