/* Commits of the lake up to the snapshot that is read, newest first. Grain: one row per snapshot. `facts` is what the commit
   said of itself. is_record: it only notes in the ledger that a report was written, released or redacted, so that what
   reports tell is the same as before it. */
create or replace view mart.commit_log as
select
    snapshot_id,
    snapshot_time as committed_at,
    author,
    commit_message as message,
    commit_extra_info::json as facts,
    coalesce(commit_message like 'record %', false) as is_record
from ducklake_snapshots('carlos')
where snapshot_id <= (select id from ducklake_current_snapshot('carlos'))
order by snapshot_id desc;
comment on view mart.commit_log is 'Commits of the lake, newest first; one row per snapshot.';
