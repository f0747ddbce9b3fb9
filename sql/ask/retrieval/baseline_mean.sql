/* Mean feature of the bare backbone's images, without those that are flagged. Reads `shard_row`, the baseline's embeddings.
   Grain: one row per dimension, in order. */
with component as (
    select unnest(embedding) as x, generate_subscripts(embedding, 1) as i
    from shard_row
    where flag is null
)

select avg(x) as x
from component
group by i
order by i;
