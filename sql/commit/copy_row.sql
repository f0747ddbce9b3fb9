/* Says in the new copy, carlos_new_copy, which one it is and how far it goes: the row that core.representation_copy then gets.
   Variable: carlos_copy_id. */
create table carlos_new_copy.core.representation_copy as
select
    getvariable('carlos_copy_id')::varchar as copy_id,
    max(computed_at) as through,
    (select coalesce(max(taken_in_at), to_timestamp(0)) from raw.listing) as listed_through,
    count(*) as n_rows
from carlos_new_copy.core.representation;
