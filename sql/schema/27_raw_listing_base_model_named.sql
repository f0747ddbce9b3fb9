/* Which base model the words of a listing mean, so that a claim can be compared with what the file shows. */
alter table raw.listing add column if not exists base_model_named varchar;
comment on column raw.listing.base_model_named is 'Base model that the claim means, in the names of core.lora.base_model; null: not known.';
