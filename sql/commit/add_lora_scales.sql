/* Inserts the figures of a sweep (`swept`); what was known of these scales was deleted before. */
insert into core.lora_scale by name
select *, now() as computed_at
from swept
order by profile_id, lora_id, scale;
