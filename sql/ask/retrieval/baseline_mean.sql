/* Mean feature of the bare backbone's images, without those that are flagged. Parameters: $profile_id, $baseline.
   Grain: one row per dimension, in order. */
with component as (
    select unnest(embedding) as x, generate_subscripts(embedding, 1) as i
    from core.embedding
    where profile_id = $profile_id and lora_id = $baseline and flag is null
)

select avg(x) as x
from component
group by i
order by i;
