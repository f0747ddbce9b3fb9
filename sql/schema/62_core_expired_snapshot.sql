/* Snapshots that were given up, so that nobody wonders where they are. Grain: one row per snapshot that
   `carlos lake expire` has expired; append-only. */
create table if not exists core.expired_snapshot (
    snapshot_id bigint not null,
    committed_at timestamptz not null,
    author varchar,
    message varchar,
    facts varchar,
    expired_at timestamptz not null
);
comment on table core.expired_snapshot is 'Snapshots that were given up; one row per snapshot, append-only.';
comment on column core.expired_snapshot.snapshot_id is 'The snapshot; it cannot be read any more.';
comment on column core.expired_snapshot.committed_at is 'When it was committed.';
comment on column core.expired_snapshot.author is 'Who committed it.';
comment on column core.expired_snapshot.message is 'What its commit did.';
comment on column core.expired_snapshot.facts is 'What its commit said of itself, as JSON.';
comment on column core.expired_snapshot.expired_at is 'When it was expired.';
