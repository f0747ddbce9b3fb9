/* The copy of core.representation and raw.listing that rankings in SQL may read. Grain: one row, or none where no copy agrees
   with the lake: who replaces or deletes a measured representation deletes it. The copy holds the same row. */
create table if not exists core.representation_copy (
    copy_id varchar not null,
    through timestamptz not null,
    listed_through timestamptz not null,
    n_rows bigint not null
);
comment on table core.representation_copy is 'The copy that rankings in SQL may read; one row, or none where no copy agrees.';
comment on column core.representation_copy.copy_id is 'Which copy: it holds this id too.';
comment on column core.representation_copy.through is 'It holds the measured representations up to this computed_at.';
comment on column core.representation_copy.listed_through is 'It holds the listings up to this taken_in_at.';
comment on column core.representation_copy.n_rows is 'How many representations it holds.';
