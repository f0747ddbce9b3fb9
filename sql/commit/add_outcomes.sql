/* Appends the attempts of `attempts` (a registered table with columns of core.outcome) that are not recorded yet. */
insert into core.outcome by name
select *
from attempts
where not exists (
    from core.outcome as known
    where
        known.profile_id = attempts.profile_id
        and known.lora_id = attempts.lora_id
        and known.attempted_at = attempts.attempted_at
        and known.status = attempts.status
);
