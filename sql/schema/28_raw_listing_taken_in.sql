/* When the commit was made that took a record's state in, which may be much later than its shard is dated: what is new
   here goes by this. Rows of before the column have the time of their shard, the nearest that is known of them. */
alter table raw.listing add column if not exists taken_in_at timestamptz;
update raw.listing set taken_in_at = seen_at where taken_in_at is null;
comment on column raw.listing.taken_in_at is
'When this state of the record was committed here; seen_at is as the source dates its shard.';
