/* When each snapshot was committed, what its commit said of itself, and ids of the tables that it took rows out of.
   Grain: one row per snapshot. */
select snapshot_id, snapshot_time, commit_extra_info as facts, changes['tables_deleted_from'] as deleted_from
from ducklake_snapshots('carlos')
order by snapshot_id;
