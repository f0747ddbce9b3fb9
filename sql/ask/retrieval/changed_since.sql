/* Tells whether commits after snapshot $since, up to $newest, may have changed what search keeps in memory: any change
   but rows added to or removed from tables that it does not read, such as the vectors of stored queries. What snapshots
   that have expired changed is not known any more, and may be anything. Grain: one row. */
with later as (
    select snapshot_id, changes
    from ducklake_snapshots('carlos')
    where snapshot_id > $since and snapshot_id <= $newest
),

change as (
    select unnest(map_entries(changes)) as entry
    from later
),

touched as (
    select entry.key as kind, unnest(entry.value) as table_id
    from change
),

relevant as (
    select count(*) as n
    from touched
    left join ducklake_table_info('carlos') as info on info.table_id::varchar = touched.table_id
    where
        kind not in ('tables_inserted_into', 'tables_deleted_from', 'inlined_insert', 'inlined_delete')
        or coalesce(table_name in ('representation', 'threshold', 'lora', 'listing', 'decision', 'damage'), true)
)

select relevant.n > 0 or (select count(*) from later) <> $newest - $since as is_changed
from relevant;
