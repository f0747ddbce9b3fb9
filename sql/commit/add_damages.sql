/* Appends findings (`found`, a registered table with the first columns of core.damage) that are not known and open yet. */
insert into core.damage by name
select
    found.*,
    now() as found_at,
    null::timestamptz as resolved_at
from found
where not exists (
    from core.damage as known
    where
        known.profile_id = found.profile_id
        and known.lora_id = found.lora_id
        and known.key = found.key
        and known.fault = found.fault
        and known.detail = found.detail
        and known.resolved_at is null
);
