/* Directions as the lake has them, in any order: sorting them would copy them. Grain: one row per lora_id.
   carlos_tasks/lake/directions.py reads it, and says of each whether it is finite and has a length.
   Parameters: $profile_id; $lora_ids: of these LoRAs only, null: of all; $since: none that was computed earlier, so that
   files of before are not opened, null: all. `left_out` is a registered table of lora_id and computed_at. */
select lora_id, computed_at, direction
from core.representation as this
anti join left_out using (lora_id, computed_at)
where
    this.profile_id = $profile_id
    and this.measured = 'measured'
    and this.direction is not null
    and this.computed_at >= coalesce($since::timestamptz, '-infinity'::timestamptz)
    and ($lora_ids::varchar[] is null or this.lora_id in (select unnest($lora_ids::varchar[])));
