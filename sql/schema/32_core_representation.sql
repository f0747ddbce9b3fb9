/* What a LoRA does, in three numbers and a vector (paper, section 3). Grain: one row per (profile_id, lora_id).
   Written by the commit; sql/ask/verification/representation.sql states the formulas. */
create table if not exists core.representation (
    profile_id varchar not null,
    lora_id varchar not null,
    measured varchar not null,
    direction float[],
    strength double,
    consistency double,
    n_pairs integer,
    n_prompts integer,
    n_zero integer,
    n_flagged integer,
    strength_se double,
    consistency_se double,
    direction_cosine_lower double,
    prompt_retention double,
    computed_at timestamptz not null
);
comment on table core.representation is 'Direction, Strength and Consistency; one row per (profile_id, lora_id).';
comment on column core.representation.profile_id is 'Profile; representations compare within one only.';
comment on column core.representation.lora_id is 'LoRA.';
comment on column core.representation.measured is 'measured, degenerate (most pairs flagged), unpatched or failed.';
comment on column core.representation.direction is 'Mean CLIP difference, unnormalised, float32 (d,).';
comment on column core.representation.strength is 'Mean length of the CLIP difference.';
comment on column core.representation.consistency is 'Mean pairwise cosine of the differences; null below two pairs.';
comment on column core.representation.n_pairs is 'Pairs that count: not flagged on either side.';
comment on column core.representation.n_prompts is 'Prompts of those pairs.';
comment on column core.representation.n_zero is 'Pairs without any difference; they count in Strength only.';
comment on column core.representation.n_flagged is 'Pairs with a flag on either side; they count nowhere else.';
comment on column core.representation.strength_se is 'Standard error of strength, delete-one-prompt jackknife.';
comment on column core.representation.consistency_se is 'Standard error of consistency, delete-one-prompt jackknife.';
comment on column core.representation.direction_cosine_lower is 'Lower bound of cos(direction, its true value).';
comment on column core.representation.prompt_retention is 'How far the images still follow the prompt: 1 as the baseline.';
comment on column core.representation.computed_at is 'When the row was committed.';
