/* Who approved a batch of decisions. Grain: one row per batch_id; append-only. */
create table if not exists core.approval (
    batch_id varchar not null,
    content_hash varchar not null,
    user_id varchar,
    user_name varchar,
    answered_at timestamptz,
    recorded_at timestamptz not null
);
comment on table core.approval is 'Who approved a batch of decisions; one row per batch_id, append-only.';
comment on column core.approval.batch_id is 'The batch: id of the run of decide_batch.';
comment on column core.approval.content_hash is 'SHA-256 of what was approved, as canonical JSON: the LoRAs, the decision, the snapshot.';
comment on column core.approval.user_id is 'Who approved, as Airflow knows the person.';
comment on column core.approval.user_name is 'And as the person logs in.';
comment on column core.approval.answered_at is 'When, as Airflow tells it.';
comment on column core.approval.recorded_at is 'When it was committed.';
