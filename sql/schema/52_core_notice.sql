/* Complaints from outside. Grain: one row per notice_id; append-only. */
create table if not exists core.notice (
    notice_id varchar not null,
    lora_id varchar not null,
    category varchar not null,
    policy varchar,
    concept_id varchar,
    sender_kind varchar not null,
    sender varchar,
    text varchar,
    received_at timestamptz not null,
    due_at timestamptz,
    recorded_by varchar not null,
    recorded_at timestamptz not null
);
comment on table core.notice is 'Complaints from outside; one row per notice, append-only.';
comment on column core.notice.notice_id is 'Id of the notice.';
comment on column core.notice.lora_id is 'LoRA that it is about.';
comment on column core.notice.category is 'What it complains of: ncii, minors, likeness, copyright, trademark, hate, violence, other.';
comment on column core.notice.policy is 'Policy that it names, if any.';
comment on column core.notice.concept_id is 'Concept of that policy, if any.';
comment on column core.notice.sender_kind is 'user, rights_holder, trusted_flagger, authority or person_shown.';
comment on column core.notice.sender is 'Who sent it; personal data, in no report.';
comment on column core.notice.text is 'What it says, untrusted.';
comment on column core.notice.received_at is 'When it came in.';
comment on column core.notice.due_at is 'When it has to be decided: 48 hours for ncii; null: no limit.';
comment on column core.notice.recorded_by is 'Who recorded it.';
comment on column core.notice.recorded_at is 'When it was committed.';
