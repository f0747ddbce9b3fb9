/* Steps about LoRAs, each with its entry in core.ledger. Grain: one row per decision_id; append-only: nothing is ever
   changed, an appeal and its outcome are rows of their own. What was known is told by snapshot_id: the lake as of then can be asked. */
create table if not exists core.decision (
    decision_id varchar not null,
    lora_id varchar not null,
    profile_id varchar,
    action varchar not null,
    refers_to varchar,
    notice_id varchar,
    ground varchar,
    ground_reference varchar,
    category varchar,
    policy varchar,
    policy_version varchar,
    concept_id varchar,
    concept_version varchar,
    analyst varchar not null,
    assignee varchar,
    reasons varchar,
    snapshot_id bigint not null,
    evidence varchar[] not null,
    automated_detection boolean not null,
    automated_decision boolean not null,
    batch_id varchar,
    code_version varchar not null,
    decided_at timestamptz not null
);
comment on table core.decision is 'Steps about LoRAs: who decided what; one row per decision_id, append-only.';
comment on column core.decision.decision_id is 'Id of the step.';
comment on column core.decision.lora_id is 'LoRA.';
comment on column core.decision.profile_id is 'Profile whose evidence was read; null: none.';
comment on column core.decision.action is 'takedown, restrict, label, no_action, comment, assign, skip, appeal, uphold or overturn.';
comment on column core.decision.refers_to is 'The decision appealed against; the appeal that is upheld or overturned.';
comment on column core.decision.notice_id is 'Notice that it answers, if any.';
comment on column core.decision.ground is 'illegal_content or incompatible_content; null where nothing is done to the content.';
comment on column core.decision.ground_reference is 'The law, or the clause of the terms.';
comment on column core.decision.category is 'Category in a statement of reasons (DSA).';
comment on column core.decision.policy is 'Policy applied, if any.';
comment on column core.decision.policy_version is 'Its version.';
comment on column core.decision.concept_id is 'Concept applied, if any.';
comment on column core.decision.concept_version is 'Its version.';
comment on column core.decision.analyst is 'Who decided.';
comment on column core.decision.assignee is 'Who is to look at the case (assign).';
comment on column core.decision.reasons is 'Why, in words.';
comment on column core.decision.snapshot_id is 'Snapshot of the lake that the evidence was read at.';
comment on column core.decision.evidence is 'Signals, notices and keys of kept images that it stands on.';
comment on column core.decision.automated_detection is 'The platform found it, not a notice.';
comment on column core.decision.automated_decision is 'No person decided; the platform never does by itself.';
comment on column core.decision.batch_id is 'Batch that was approved together, if any.';
comment on column core.decision.code_version is 'Version of CARLoS.';
comment on column core.decision.decided_at is 'When it was committed.';
