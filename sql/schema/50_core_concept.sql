/* What policies speak of. Grain: one row per (policy, concept_id, version, loaded_at); append-only. A version is named by
   what the concept says, so a changed file is a new version, and old scores stay told by the words they were taken with.
   A concept that its policy's folder no longer has gets a row with is_active = false. */
create table if not exists core.concept (
    policy varchar not null,
    policy_version varchar not null,
    concept_id varchar not null,
    version varchar not null,
    section varchar,
    title varchar not null,
    texts varchar[] not null,
    counter_texts varchar[] not null,
    declared_as varchar[] not null,
    images varchar[] not null,
    images_provenance varchar,
    images_licence varchar,
    nsfw_level integer,
    severity double not null,
    due_hours double,
    q_max double not null,
    score_min double,
    category varchar,
    owner varchar,
    is_active boolean not null,
    loaded_at timestamptz not null
);
comment on table core.concept is 'What policies speak of; one row per (policy, concept_id, version, loaded_at), append-only.';
comment on column core.concept.policy is 'Policy that the concept belongs to.';
comment on column core.concept.policy_version is 'Version of the policy, as its owner names it.';
comment on column core.concept.concept_id is 'Id within the policy.';
comment on column core.concept.version is 'First 12 hexadecimal digits of the SHA-256 of what the concept says.';
comment on column core.concept.section is 'Section of the policy.';
comment on column core.concept.title is 'What people call it.';
comment on column core.concept.texts is 'Texts that show it; a LoRA is compared with their mean.';
comment on column core.concept.counter_texts is 'Texts that are near it and are not meant; they only lower a score.';
comment on column core.concept.declared_as is 'Words in a listing''s name or tags that declare it.';
comment on column core.concept.images is 'SHA-256 of each reference picture.';
comment on column core.concept.images_provenance is 'Where the reference pictures come from.';
comment on column core.concept.images_licence is 'Licence of the reference pictures.';
comment on column core.concept.nsfw_level is 'Lowest rating that a listing must declare for it, as Civitai''s bit mask; null: none.';
comment on column core.concept.severity is '0: only described, to compare claims with effects; up to 1: the gravest.';
comment on column core.concept.due_hours is 'Hours from notice to decision; null: no limit.';
comment on column core.concept.q_max is 'A score with a q-value of at most this is shown.';
comment on column core.concept.score_min is 'And a cosine of at least this; null: any.';
comment on column core.concept.category is 'Category in a statement of reasons (DSA).';
comment on column core.concept.owner is 'Who keeps the concept.';
comment on column core.concept.is_active is 'False: its policy no longer has it.';
comment on column core.concept.loaded_at is 'When this row was committed.';
