/* Appends the refusals of intake files (`seen`) that are new: another file, other bytes or another reason. What was taken
   down can be listed and taken down again: each shard that says so counts. */
insert into raw.rejection by name
select
    source,
    model_id,
    version_id,
    file_id,
    lora_id,
    rejection.reason as reason,
    rejection.detail as detail,
    now() as rejected_at,
    rejection.quarantine_key as quarantine_key,
    shard_key
from seen
where kind = 'rejection' and not exists (
    from raw.rejection as known
    where
        known.source = seen.source
        and known.model_id = seen.model_id
        and known.version_id = seen.version_id
        and known.file_id = seen.file_id
        and known.reason = seen.rejection.reason
        and known.lora_id is not distinct from seen.lora_id
        and (known.reason <> 'taken_down' or known.shard_key = seen.shard_key)
)
order by source, model_id, version_id, file_id, reason;
