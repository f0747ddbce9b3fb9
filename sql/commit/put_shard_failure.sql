/* Notes that reading a shard failed: the first failure gives the time since when, the newest one the reason. */
merge into raw.shard_failure as known
using (
    select
        $source_uri as source_uri,
        $shard_key as shard_key,
        $reason as reason,
        $detail as detail
) as failure
on (known.source_uri = failure.source_uri and known.shard_key = failure.shard_key)
when matched then update set
    reason = failure.reason,
    detail = failure.detail,
    failed_at = now()
when not matched then insert (source_uri, shard_key, reason, detail, failing_since, failed_at)
values (failure.source_uri, failure.shard_key, failure.reason, failure.detail, now(), now());
