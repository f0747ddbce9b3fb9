/* What the weights of a LoRA say before any picture: two vectors by which LoRAs of one base model are compared. Grain: one
   row per lora_id whose file is in the store. Written by carlos_tasks/commit/weight_sketches.py; docs/weights.md says what
   the vectors are and how well they tell. */
create table if not exists core.weight_sketch (
    lora_id varchar not null,
    base_model varchar not null,
    version integer not null,
    reason varchar,
    n_modules integer,
    change_norm double,
    change_sketch blob,
    output_sketch blob,
    computed_at timestamptz not null
);
comment on table core.weight_sketch is 'What the weights of a LoRA say before any picture; one row per lora_id.';
comment on column core.weight_sketch.lora_id is 'LoRA.';
comment on column core.weight_sketch.base_model is 'Base model: vectors are compared within one.';
comment on column core.weight_sketch.version is 'Version of the arithmetic: vectors are compared within one.';
comment on column core.weight_sketch.reason is 'Why there is no sketch, such as needs_base_weights; null where there is one.';
comment on column core.weight_sketch.n_modules is 'Layers that it describes.';
comment on column core.weight_sketch.change_norm is 'Estimated Frobenius norm of all weight changes together, about 1 % off.';
comment on column core.weight_sketch.change_sketch is 'Projection of the weight changes: signed bytes, in proportion.';
comment on column core.weight_sketch.output_sketch is 'Projection of what they do to the modules'' outputs: signed bytes, in proportion.';
comment on column core.weight_sketch.computed_at is 'When the row was committed.';
