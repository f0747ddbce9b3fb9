/* The Directions of a profile that are not among those read already (`read`, as in unread_directions.sql).
   Parameters: $profile_id, $since: none of them was computed earlier, so that files of before are not opened. */
select lora_id, computed_at, direction
from core.representation as known
anti join read using (lora_id, computed_at)
where
    known.profile_id = $profile_id
    and known.measured = 'measured'
    and known.direction is not null
    and known.computed_at >= $since;
