/* Public keys, and when each may sign. Grain: one row per change_id; append-only: a key is added by one row, and revoked or
   bounded by another. What stands here is a public key, never a private one. Each row has its entry in core.ledger. */
create table if not exists core.signing_key (
    change_id varchar not null,
    change varchar not null,
    key_id varchar not null,
    public_key varchar not null,
    name varchar not null,
    role varchar not null,
    analyst varchar,
    valid_from timestamptz not null,
    valid_until timestamptz,
    reason varchar,
    recorded_by varchar not null,
    recorded_at timestamptz not null
);
comment on table core.signing_key is 'Public keys and when each may sign; one row per change of a key, append-only.';
comment on column core.signing_key.change_id is 'Id of the change.';
comment on column core.signing_key.change is 'add or revoke.';
comment on column core.signing_key.key_id is 'First 32 hexadecimal digits of the SHA-256 of the public key''s 32 bytes.';
comment on column core.signing_key.public_key is 'Ed25519 public key, 32 bytes in base64.';
comment on column core.signing_key.name is 'What people call the key.';
comment on column core.signing_key.role is 'deployment, which signs entries of core.ledger, or analyst, which signs own decisions.';
comment on column core.signing_key.analyst is 'Whose key it is, as decisions name the person; null: the deployment''s.';
comment on column core.signing_key.valid_from is 'It may sign from then on; of a revocation: it may not sign from then on.';
comment on column core.signing_key.valid_until is 'And until then; null: no limit.';
comment on column core.signing_key.reason is 'Why it was revoked, if that was said.';
comment on column core.signing_key.recorded_by is 'Who added or revoked it.';
comment on column core.signing_key.recorded_at is 'When the row was committed.';
