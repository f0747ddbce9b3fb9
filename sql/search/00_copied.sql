/* core.copied(name): a table as the attached copy has it: core.representation, raw.listing or core.representation_copy. The copy
   is a DuckDB file, of which Directions are read three times as fast as from parquet. The variable carlos_copy names the
   database that it is attached as; without it there are no rows. Ask core.copy_in_use() before you believe it.
   Any other name is refused: it would be SQL that no gate has seen. Grain: one row per row of that table. */
create or replace macro core.copied(name) as table (
    from query(
        case
            when name not in ('core.representation', 'raw.listing', 'core.representation_copy')
                then error('a copy has core.representation, raw.listing and core.representation_copy, and nothing else')
            when getvariable('carlos_copy') is null then 'from carlos.' || name || ' where false'
            else 'from ' || getvariable('carlos_copy') || '.' || name
        end
    )
);
