/* Where the representations of a profile come from. Rows of before this column were measured. */
alter table core.profile add column if not exists origin varchar;
comment on column core.profile.origin is 'measured (null too): made here. imported: taken over whole, without embeddings.';
