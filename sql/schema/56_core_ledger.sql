/* What was decided, taken in, approved and reported, as a chain of hashes. Grain: one row per position, from 1 without gaps;
   append-only. An entry names the hash of its record's content and the hash of the entry before it: what is changed,
   deleted or slipped in later no longer fits. `carlos decisions verify` holds the records against it. */
create table if not exists core.ledger (
    position bigint not null,
    kind varchar not null,
    record_id varchar not null,
    content_hash varchar not null,
    previous_hash varchar not null,
    entry_hash varchar not null,
    entered_at timestamptz not null,
    clock_at timestamptz not null,
    based_on bigint not null,
    is_late boolean not null,
    analyst_key_id varchar,
    analyst_signature varchar,
    key_id varchar,
    signature varchar
);
comment on table core.ledger is 'Chain of hashes over decisions, notices, approvals, submissions, keys, reports and releases; one row per position, append-only.';
comment on column core.ledger.position is 'Place in the chain, from 1.';
comment on column core.ledger.kind is 'decision, notice, approval, submission, key, report or release.';
comment on column core.ledger.record_id is 'Id of the record.';
comment on column core.ledger.content_hash is 'SHA-256 of the record''s content as canonical JSON.';
comment on column core.ledger.previous_hash is 'entry_hash of the position before; 64 zeros at position 1.';
comment on column core.ledger.entry_hash is 'SHA-256 of this row''s other columns but signature, as canonical JSON.';
comment on column core.ledger.entered_at is 'When it was entered: never before the entry or the snapshot before it.';
comment on column core.ledger.clock_at is 'What the clock said: before entered_at where the clock was set back.';
comment on column core.ledger.based_on is 'Snapshot of the lake that the entry was based on; the next one brought it.';
comment on column core.ledger.is_late is 'True: the record is of before the chain, and was entered when the chain began.';
comment on column core.ledger.analyst_key_id is 'Key of the analyst who signed the record, if any.';
comment on column core.ledger.analyst_signature is 'Ed25519 over the record''s canonical JSON, in base64.';
comment on column core.ledger.key_id is 'Key that signed the entry; null: recorded, not signed.';
comment on column core.ledger.signature is 'Ed25519 over entry_hash, in base64.';
