/* The state of the lake that is read: one row. */
select snapshot_id, committed_at
from mart.commit_log
order by snapshot_id desc
limit 1;
