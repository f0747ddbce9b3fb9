/* Commits of the lake, newest first. Grain: one row per snapshot. `facts` is what the commit said of itself. */
create or replace view mart.commit_log as
select
    snapshot_id,
    snapshot_time as committed_at,
    author,
    commit_message as message,
    commit_extra_info::json as facts
from ducklake_snapshots('carlos')
order by snapshot_id desc;
comment on view mart.commit_log is 'Commits of the lake, newest first; one row per snapshot.';
