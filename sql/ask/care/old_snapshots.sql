/* Snapshots that are old, whether anything names them or not. Grain: one row per snapshot, oldest first. Parameters:
   $seconds: of how long ago, and $keep_last: so many of the newest are not. */
select
    snapshot_id,
    snapshot_time as committed_at,
    commit_message as message
from ducklake_snapshots('carlos')
qualify
    row_number() over (order by snapshot_id desc) > $keep_last
    and committed_at < now() - to_seconds($seconds)
order by snapshot_id;
