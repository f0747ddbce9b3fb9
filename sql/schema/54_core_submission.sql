/* What was sent to the DSA transparency database, and what it answered. Grain: one row per step about a file of statements;
   append-only: an answer is a row of its own, and so is sending again what was refused. */
create table if not exists core.submission (
    submission_id varchar not null,
    month date not null,
    number integer not null,
    state varchar not null,
    sha256 varchar not null,
    puids varchar[] not null,
    body varchar,
    answer varchar,
    faults varchar,
    known_puids varchar[],
    happened_at timestamptz not null,
    recorded_by varchar not null,
    recorded_at timestamptz not null
);
comment on table core.submission is 'Files of statements sent to the transparency database, and its answers; one row per step, append-only.';
comment on column core.submission.submission_id is 'Id of the step.';
comment on column core.submission.month is 'First day of the month that the statements are of.';
comment on column core.submission.number is 'Number of the file in its month, from 1.';
comment on column core.submission.state is 'submitted, accepted or refused.';
comment on column core.submission.sha256 is 'SHA-256 of the file that was sent.';
comment on column core.submission.puids is 'Ids (decision_id) of the statements in it, in their order.';
comment on column core.submission.body is 'The file as it was sent; null of an answer.';
comment on column core.submission.answer is 'What the database answered, as it came, if it was kept.';
comment on column core.submission.faults is 'What the database said of single statements, JSON object by puid; null: nothing.';
comment on column core.submission.known_puids is 'Statements that the database refused because it has them already.';
comment on column core.submission.happened_at is 'When it was sent or answered.';
comment on column core.submission.recorded_by is 'Who sent it, or recorded the answer.';
comment on column core.submission.recorded_at is 'When it was committed.';
