/* Refusals by reason. Grain: one row per (source, reason). A file that was taken in later is still counted: the
   refusal happened. */
create or replace view mart.rejection_by_reason as
select
    source,
    reason,
    count(distinct (model_id, version_id, file_id)) as n_files,
    max(rejected_at) as last_rejected_at,
    arg_max(detail, (rejected_at, model_id, version_id, file_id)) as last_detail
from raw.rejection
group by source, reason
order by n_files desc, source, reason;
comment on view mart.rejection_by_reason is 'Refused files by reason; one row per (source, reason).';
