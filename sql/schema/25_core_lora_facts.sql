/* What the checks tell of a file beyond family, base model and rank. LoRAs of before these columns have nulls in them
   until their shard is read again: the commit brings the facts of an older version of the checks up to date. */
alter table core.lora add column if not exists alpha double;
alter table core.lora add column if not exists n_modules_matched integer;
alter table core.lora add column if not exists modules varchar;
alter table core.lora add column if not exists tensors_sha256 varchar;
alter table core.lora add column if not exists base_model_in_metadata varchar;
alter table core.lora add column if not exists license varchar;
alter table core.lora add column if not exists frequent_tags varchar[];
alter table core.lora add column if not exists checks_version integer;
comment on column core.lora.alpha is 'Alpha that most modules have; the weights act with alpha / rank.';
comment on column core.lora.n_modules_matched is 'Modules that the backbone has; null where its architecture is not known here.';
comment on column core.lora.modules is 'Modules by component and kind, JSON object: {"unet.attention": 140}.';
comment on column core.lora.tensors_sha256 is 'Hash of names, shapes and weights: the same in a file whose metadata was edited.';
comment on column core.lora.base_model_in_metadata is 'Base model that the file''s metadata claims, untrusted.';
comment on column core.lora.license is 'License that the file''s metadata claims, untrusted.';
comment on column core.lora.frequent_tags is 'The most frequent tags of its training captions, as its metadata claims.';
comment on column core.lora.checks_version is 'Version of the checks that told these facts.';
