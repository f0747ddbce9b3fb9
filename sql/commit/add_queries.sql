/* Adds the query vectors of `asked` (a registered table with the columns of core.query) whose texts have none yet. */
insert into core.query by name
select *
from asked
where not exists (
    from core.query as known
    where known.text_space_id = asked.text_space_id and known.text = asked.text
)
order by text;
