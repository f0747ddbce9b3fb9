/* Which query vectors compare with the Directions of a profile. Rows of before this column get it at the next commit. */
alter table core.profile add column if not exists text_space_id varchar;
comment on column core.profile.text_space_id is 'Encoder and retrieval prompts: the query vectors of core.query that belong to it.';
