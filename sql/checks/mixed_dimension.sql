/* Directions whose dimension is not that of the most of their profile. Must return no rows. */
with counted as (
    select profile_id, lora_id, len(direction) as dimension
    from core.representation
    where direction is not null
),

usual as (
    select profile_id, dimension as usual_dimension
    from counted
    group by profile_id, dimension
    qualify row_number() over (partition by profile_id order by count(*) desc, dimension) = 1
)

select profile_id, lora_id, dimension, usual_dimension
from counted
inner join usual using (profile_id)
where dimension <> usual_dimension
order by all;
