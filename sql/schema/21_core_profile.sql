/* Profiles: all that fixes an image and its embedding. Grain: one row per profile_id, the hash of the definition. */
create table if not exists core.profile (
    profile_id varchar not null,
    name varchar not null,
    definition varchar not null,
    created_at timestamptz not null
);
comment on table core.profile is 'Profiles; one row per profile_id. Representations compare within one profile only.';
comment on column core.profile.profile_id is 'Hash of the canonical JSON of the definition.';
comment on column core.profile.name is 'Name that people use.';
comment on column core.profile.definition is 'The definition, canonical JSON.';
comment on column core.profile.created_at is 'When it was registered.';
