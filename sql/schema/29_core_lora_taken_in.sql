/* When the commit was made that took a LoRA in, which may be much later than its shard is dated: what is new here goes by
   this. Rows of before the column have the time of their shard, the nearest that is known of them. */
alter table core.lora add column if not exists taken_in_at timestamptz;
update core.lora set taken_in_at = first_seen_at where taken_in_at is null;
comment on column core.lora.taken_in_at is
'When these bytes were committed here; first_seen_at is as the source dates its shard.';
