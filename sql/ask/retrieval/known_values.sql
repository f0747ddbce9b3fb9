/* What the filters on names can be asked for. Grain: one row per (field, value). */
with named as (
    select unnest([
        {'field': 'base_model', 'value': base_model},
        {'field': 'base_model', 'value': base_model_claimed},
        {'field': 'base_model', 'value': base_model_named},
        {'field': 'license', 'value': license},
        {'field': 'creator', 'value': creator}
    ], recursive := true)
    from searchable
    union all
    select 'source' as field, unnest(sources) as value
    from searchable
)

select distinct field, value
from named
where value <> ''
order by field, value;
