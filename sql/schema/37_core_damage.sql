/* What was found wrong with the objects of a measurement. Grain: one row per (profile_id, lora_id, key, fault, found_at).
   docs/operations.md has the faults. A finding is resolved when the LoRA is measured and committed again. */
create table if not exists core.damage (
    profile_id varchar not null,
    lora_id varchar not null,
    key varchar not null,
    fault varchar not null,
    detail varchar not null,
    found_by varchar not null,
    found_at timestamptz not null,
    resolved_at timestamptz
);
comment on table core.damage is 'What was found wrong with the objects of a measurement; one row per finding.';
comment on column core.damage.profile_id is 'Profile; empty for a file of the lake that belongs to none.';
comment on column core.damage.lora_id is 'LoRA, ''base'' for the bare backbone; empty for a file of the lake that belongs to no LoRA.';
comment on column core.damage.key is 'Key of the object in the store.';
comment on column core.damage.fault is 'Code of the fault.';
comment on column core.damage.detail is 'One sentence for a person.';
comment on column core.damage.found_by is 'commit or verify.';
comment on column core.damage.found_at is 'When it was found.';
comment on column core.damage.resolved_at is 'When the LoRA was committed again; null until then.';
