/* What a LoRA does at several scales, from few pairs at each. Grain: one row per (profile_id, lora_id, scale); a later sweep
   replaces it. Written by carlos_tasks/commit/scales.py; docs/method.md#at-other-scales says what the numbers mean. */
create table if not exists core.lora_scale (
    profile_id varchar not null,
    lora_id varchar not null,
    scale double not null,
    measured varchar not null,
    reason varchar,
    n_pairs integer,
    n_prompts integer,
    n_flagged integer,
    strength double,
    strength_se double,
    consistency double,
    consistency_se double,
    prompt_retention double,
    prompt_retention_se double,
    computed_at timestamptz not null
);
comment on table core.lora_scale is 'What a LoRA does at several scales; one row per (profile_id, lora_id, scale).';
comment on column core.lora_scale.profile_id is 'Profile that was swept: all but the scale is its own.';
comment on column core.lora_scale.lora_id is 'LoRA.';
comment on column core.lora_scale.scale is 'By what the LoRA was multiplied, in place of the profile''s scale.';
comment on column core.lora_scale.measured is 'measured, degenerate, unpatched or failed.';
comment on column core.lora_scale.reason is 'Why there is no measurement; null where there is one.';
comment on column core.lora_scale.n_pairs is 'Pairs that count: few of those of the profile.';
comment on column core.lora_scale.n_prompts is 'Prompts that they are of.';
comment on column core.lora_scale.n_flagged is 'Pairs with a broken image.';
comment on column core.lora_scale.strength is 'Mean length of the differences.';
comment on column core.lora_scale.strength_se is 'Its standard error, by prompt.';
comment on column core.lora_scale.consistency is 'Mean cosine of the differences.';
comment on column core.lora_scale.consistency_se is 'Its standard error, by prompt.';
comment on column core.lora_scale.prompt_retention is 'How much of the variation between prompts is left.';
comment on column core.lora_scale.prompt_retention_se is 'Its standard error, by prompt.';
comment on column core.lora_scale.computed_at is 'When the row was committed.';
