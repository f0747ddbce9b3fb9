/* Notes what the shards of this commit list and their source did not give: `since` stays, and what a live source was
   asked for is dated anew. Of a dump nobody is asked, so that a second commit of the same reading changes nothing. */
merge into raw.awaited as known
using (from awaited_now()) as awaited
on (
    known.source_uri = awaited.source_uri
    and known.shard_key = awaited.shard_key
    and known.source = awaited.source
    and known.model_id = awaited.model_id
    and known.version_id = awaited.version_id
    and known.file_id = awaited.file_id
)
when matched and (awaited.is_live or known.reason <> awaited.reason) then update set
    reason = awaited.reason,
    asked_at = now()
when not matched then insert (
    source_uri,
    shard_key,
    source,
    model_id,
    version_id,
    file_id,
    reason,
    since,
    asked_at
) values (
    awaited.source_uri,
    awaited.shard_key,
    awaited.source,
    awaited.model_id,
    awaited.version_id,
    awaited.file_id,
    awaited.reason,
    now(),
    now()
);
