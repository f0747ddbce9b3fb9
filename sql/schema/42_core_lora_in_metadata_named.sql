/* Which base model the words of a file's own metadata mean, so that they can be compared with what its keys show. LoRAs of
   before this column have null until their shard is read again. */
alter table core.lora add column if not exists base_model_in_metadata_named varchar;
comment on column core.lora.base_model_in_metadata_named is
'Base model that the file''s metadata means, in the names of core.lora.base_model; null: not known.';
