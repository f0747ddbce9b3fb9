/* Adds new versions of concepts: `given` is a registered table with the columns of core.concept but loaded_at. */
insert into core.concept by name
select
    *,
    now() as loaded_at
from given
order by concept_id;
