/* Attempts to measure a LoRA. Grain: one row per (profile_id, lora_id, attempted_at); append-only. */
create table if not exists core.outcome (
    profile_id varchar not null,
    lora_id varchar not null,
    status varchar not null,
    reason varchar,
    detail varchar,
    n_pairs integer,
    modules_saved integer,
    modules_patched integer,
    seconds double,
    attempted_at timestamptz not null,
    code_version varchar
);
comment on table core.outcome is 'Attempts to measure a LoRA; one row per attempt, append-only.';
comment on column core.outcome.profile_id is 'Profile.';
comment on column core.outcome.lora_id is 'LoRA.';
comment on column core.outcome.status is 'embedded, unpatched or failed.';
comment on column core.outcome.reason is 'Code of the failure''s reason.';
comment on column core.outcome.detail is 'One sentence for a person.';
comment on column core.outcome.n_pairs is 'Pairs that were embedded, flagged ones too.';
comment on column core.outcome.modules_saved is 'Modules that the file holds.';
comment on column core.outcome.modules_patched is 'Modules that the backbone took.';
comment on column core.outcome.seconds is 'Time of the attempt; where one pass measured several profiles, an equal share of it.';
comment on column core.outcome.attempted_at is 'When the attempt ended.';
comment on column core.outcome.code_version is 'Version of CARLoS.';
