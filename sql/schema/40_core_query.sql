/* Query vectors of texts that were asked, so that SQL can search by text. Grain: one row per (text_space_id, text).
   A text space is an encoder with its retrieval prompts; profiles name theirs in core.profile. */
create table if not exists core.query (
    text_space_id varchar not null,
    text varchar not null,
    vector float[] not null,
    encoded_at timestamptz not null
);
comment on table core.query is 'Query vectors of texts; one row per (text_space_id, text).';
comment on column core.query.text_space_id is 'Encoder and retrieval prompts, as in core.profile.';
comment on column core.query.text is 'What was asked for: Unicode NFC, single spaces, none at the ends.';
comment on column core.query.vector is 'Mean CLIP text difference over the retrieval prompts, float32 (d,), unnormalised.';
comment on column core.query.encoded_at is 'When the vector was computed.';
