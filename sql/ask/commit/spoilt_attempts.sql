/* How many attempts in a row on some LoRAs left damaged objects, the newest ones, as the reason says.
   Parameters: $profile_id, $lora_ids, $faults (codes). Grain: one row per lora_id of the list that has such an attempt. */
with attempt as (
    select lora_id, attempted_at, status = 'failed' and list_contains($faults::varchar[], reason) as is_spoilt
    from core.outcome
    where profile_id = $profile_id and lora_id in (select unnest($lora_ids::varchar[]))
),

other as (
    select lora_id, max(attempted_at) as attempted_at
    from attempt
    where not is_spoilt
    group by lora_id
)

select lora_id, count(*) as n_attempts
from attempt
left join other using (lora_id)
where attempt.attempted_at > coalesce(other.attempted_at, '-infinity'::timestamptz)
group by lora_id;
