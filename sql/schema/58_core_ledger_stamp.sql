/* What a time-stamping authority (RFC 3161) said of the chain's head. Grain: one row per stamp_id; append-only. A stamp is
   outside the chain: the authority's own signature holds it. */
create table if not exists core.ledger_stamp (
    stamp_id varchar not null,
    position bigint not null,
    entry_hash varchar not null,
    authority varchar not null,
    token varchar not null,
    stamped_at timestamptz not null,
    recorded_at timestamptz not null
);
comment on table core.ledger_stamp is 'Time stamps (RFC 3161) of the chain''s head; one row per stamp.';
comment on column core.ledger_stamp.stamp_id is 'Id of the stamp.';
comment on column core.ledger_stamp.position is 'Position of core.ledger that was the head.';
comment on column core.ledger_stamp.entry_hash is 'Its entry_hash, which was stamped.';
comment on column core.ledger_stamp.authority is 'Address that was asked, without credentials.';
comment on column core.ledger_stamp.token is 'The authority''s answer, DER in base64.';
comment on column core.ledger_stamp.stamped_at is 'The time that the authority gives.';
comment on column core.ledger_stamp.recorded_at is 'When the row was committed.';
