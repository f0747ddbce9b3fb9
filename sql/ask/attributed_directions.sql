/* The Directions that an attribution compares, in any order: sorting them would copy them. Parameter: $profile_id. */
select lora_id, direction
from core.representation
where profile_id = $profile_id and measured = 'measured' and direction is not null;
