/* The state of the lake that is read: the newest snapshot, without those that only note reports in the ledger
   (mart.commit_log.is_record, which a lake of an older version lacks). Grain: one row. */
select snapshot_id, snapshot_time as committed_at
from ducklake_snapshots('carlos')
where
    snapshot_id <= (select id from ducklake_current_snapshot('carlos'))
    and not coalesce(commit_message like 'record %', false)
order by snapshot_id desc
limit 1;
