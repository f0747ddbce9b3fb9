/* What an attempt measured, and whether it was drawn or copied. Attempts of before these columns have nulls: nothing is
   copied from them. */
alter table core.outcome add column if not exists measure_key varchar;
alter table core.outcome add column if not exists copied_from varchar;
comment on column core.outcome.measure_key is 'What fixed its images beside the profile (core.measure_key), as it was planned.';
comment on column core.outcome.copied_from is 'LoRA whose embeddings these are, null where images were drawn with this one.';
