/* By how much a LoRA's weights are multiplied, and what tells it. LoRAs of before these columns have nulls in them until
   their shard is read again. */
alter table core.lora add column if not exists scale_told_by varchar;
alter table core.lora add column if not exists is_scale_known boolean;
alter table core.lora add column if not exists scale_detail varchar;
alter table core.lora add column if not exists stated_scale varchar;
alter table core.lora add column if not exists scale_key varchar;
comment on column core.lora.scale_told_by is
'What tells the scale: alpha_tensors, lora_adapter_metadata, adapter_config, header_entries, convention (alpha is the rank), not_needed.';
comment on column core.lora.is_scale_known is 'Whether the trained scale is known; if not, it is measured as loaders apply it.';
comment on column core.lora.scale_detail is 'Why the scale is not known; empty if it is.';
comment on column core.lora.stated_scale is
'What an adapter_config.json beside the file says of its scale, JSON object, untrusted; null: there is none.';
comment on column core.lora.scale_key is
'Hash of all that is stated of the scale, in the header and beside the file: equal tensors with equal keys act alike.';
