/* When the commit was made that found a file in a shard, which may be much later than the shard is dated. Rows of before
   the column have the time of their shard, the nearest that is known of them. */
alter table raw.sighting add column if not exists taken_in_at timestamptz;
update raw.sighting set taken_in_at = first_seen_at where taken_in_at is null;
comment on column raw.sighting.taken_in_at is 'When it was committed here that the shard holds the file.';
