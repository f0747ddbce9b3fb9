/* Shards of which records were lost or made up: what was listed and what was refused are not all that was read.
   Must return no rows. */
select source_uri, shard_key, n_records, n_listings, n_rejections, committed_at
from raw.shard
where n_records <> n_listings + n_rejections
order by committed_at, source_uri, shard_key;
