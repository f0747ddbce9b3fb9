/* Records the snapshots that the transaction is about to expire. Parameter: $snapshot_ids. */
insert into core.expired_snapshot by name
select
    snapshot_id,
    snapshot_time as committed_at,
    author,
    commit_message as message,
    commit_extra_info as facts,
    now() as expired_at
from ducklake_snapshots('carlos')
where list_contains($snapshot_ids::bigint[], snapshot_id)
order by snapshot_id;
