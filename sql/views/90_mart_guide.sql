/* What there is to ask, and what it says. Grain: one row per table, view and macro of the lake (object).
   kind: table, view or macro. comment: one sentence with the grain; for a macro its call, too. */
create or replace view mart.guide as
select schema_name || '.' || table_name as object, 'table' as kind, comment
from duckdb_tables()
where database_name = 'carlos' and schema_name in ('raw', 'core', 'mart')
union all
select schema_name || '.' || view_name as object, 'view' as kind, comment
from duckdb_views()
where database_name = 'carlos' and schema_name in ('raw', 'core', 'mart')
union all
select macro as object, 'macro' as kind, comment
from core.macro_comment
order by object;
comment on view mart.guide is 'What there is to ask; one row per table, view and macro.';
