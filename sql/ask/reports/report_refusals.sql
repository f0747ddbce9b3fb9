/* Files refused at the door, by reason. Grain: one row per reason that ever occurred, the most frequent since $since first. */
select
    reason,
    count(distinct (source, model_id, version_id, file_id)) filter (rejected_at > $since) as n_new,
    count(distinct (source, model_id, version_id, file_id)) as n_files,
    max(rejected_at) as last_rejected_at,
    arg_max(detail, (rejected_at, source, model_id, version_id, file_id)) as last_detail
from raw.rejection
group by reason
order by n_new desc, n_files desc, reason;
