/* Rows of $table that stand twice; its key: $key. Must return no rows. One check for each table that
   carlos_tasks/lake/checks.py names. Parameters: $table (schema and name), $key (list of its columns). */
select columns($key), count(*) as n_rows
from query_table($table)
group by all
having count(*) > 1
order by all;
