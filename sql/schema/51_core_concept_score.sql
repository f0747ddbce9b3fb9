/* How near LoRAs come to concepts. Grain: one row per (profile_id, lora_id, policy, concept_id, version, basis, scored_at);
   append-only. The formulas: docs/method.md. One run scores what is new; q counts all tests of its run. */
create table if not exists core.concept_score (
    profile_id varchar not null,
    lora_id varchar not null,
    policy varchar not null,
    concept_id varchar not null,
    version varchar not null,
    basis varchar not null,
    score double,
    percentile double,
    z double,
    p double,
    p_counted double,
    q double,
    low double,
    high double,
    n_null integer,
    n_tests integer not null,
    null_id varchar not null,
    run_id varchar not null,
    computed_at timestamptz not null,
    scored_at timestamptz not null
);
alter table core.concept_score set partitioned by (profile_id);
comment on table core.concept_score is 'How near LoRAs come to concepts; one row per LoRA, concept version, basis and run; append-only.';
comment on column core.concept_score.profile_id is 'Profile.';
comment on column core.concept_score.lora_id is 'LoRA.';
comment on column core.concept_score.policy is 'Policy of the concept.';
comment on column core.concept_score.concept_id is 'Concept.';
comment on column core.concept_score.version is 'Version of the concept that was scored.';
comment on column core.concept_score.basis is 'texts or images: what of the concept the LoRA was compared with.';
comment on column core.concept_score.score is 'Cosine of Direction and concept; for images without what all LoRAs share.';
comment on column core.concept_score.percentile is 'Share of the profile''s measured LoRAs with a lower score.';
comment on column core.concept_score.z is 'Standard deviations above the LoRA''s own null.';
comment on column core.concept_score.p is 'Upper tail of Student''s t of z.';
comment on column core.concept_score.p_counted is '(1 + null values at least as high) / (n_null + 1).';
comment on column core.concept_score.q is 'Benjamini-Hochberg over all tests of the run.';
comment on column core.concept_score.low is 'Lower end of the 95 % interval, bootstrap by prompt; null where p >= 0.05, or 2,000 LoRAs of the run had a lower p.';
comment on column core.concept_score.high is 'Upper end of the interval.';
comment on column core.concept_score.n_null is 'Null values that z is told from.';
comment on column core.concept_score.n_tests is 'Tests of the run.';
comment on column core.concept_score.null_id is 'First 12 hexadecimal digits of the SHA-256 of the texts of the null, or of the draw of LoRAs.';
comment on column core.concept_score.run_id is 'Run that scored it.';
comment on column core.concept_score.computed_at is 'computed_at of the representation that was scored.';
comment on column core.concept_score.scored_at is 'When the row was committed.';
