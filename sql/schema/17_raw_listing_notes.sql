/* What was passed over in reading a record and what lies beside its file. */
alter table raw.listing add column if not exists notes varchar[];
comment on column raw.listing.notes is
'What was passed over: a broken sidecar, a hash that is not the file''s, words that contradict others.';
