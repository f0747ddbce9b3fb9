/* Compares the representations of a profile with those read already (`read`, a registered table of lora_id and
   computed_at). Reads keys only. Parameter: $profile_id. Grain: one row. */
select
    count(*) as n_now,
    count(*) filter (read.lora_id is null) as n_unread,
    min(known.computed_at) filter (read.lora_id is null) as since
from core.representation as known
left join read using (lora_id, computed_at)
where known.profile_id = $profile_id and known.measured = 'measured';
