/* Verifications of the lake. Grain: one row per run that came to its end; append-only. */
create table if not exists core.verification (
    run_id varchar not null,
    share double not null,
    profile_ids varchar[] not null,
    n_loras bigint not null,
    n_shards bigint not null,
    n_unsealed bigint not null,
    n_lake_files bigint not null,
    n_lake_files_unsealed bigint not null,
    n_faults bigint not null,
    started_at timestamptz not null,
    ended_at timestamptz not null
);
comment on table core.verification is 'Verifications of the lake that came to their end; one row per run.';
comment on column core.verification.run_id is 'The run.';
comment on column core.verification.share is 'Share of the LoRAs that were looked at; 1 for all.';
comment on column core.verification.profile_ids is 'Profiles that were looked at.';
comment on column core.verification.n_loras is 'LoRAs that were looked at, baselines too.';
comment on column core.verification.n_shards is 'Shards that were read.';
comment on column core.verification.n_unsealed is 'Those of them whose maker recorded no hash.';
comment on column core.verification.n_lake_files is 'Files of the lake that were read.';
comment on column core.verification.n_lake_files_unsealed is 'Files of the lake that no seal names.';
comment on column core.verification.n_faults is 'Findings.';
comment on column core.verification.started_at is 'When the run began.';
comment on column core.verification.ended_at is 'When its findings were recorded.';
