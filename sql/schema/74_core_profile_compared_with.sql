/* Which profiles the searches of a profile rank beside it. Rows of before this column compare with none. */
alter table core.profile add column if not exists compared_with varchar[];
comment on column core.profile.compared_with is 'Profiles whose LoRAs its searches rank beside its own: same encoder and retrieval prompts, mostly other seeds. Null: none.';
