/* Records that stand twice in raw.sighting for one shard. Must return no rows. */
select source, model_id, version_id, file_id, source_uri, shard_key, count(*) as n_rows
from raw.sighting
group by all
having count(*) > 1
order by all;
