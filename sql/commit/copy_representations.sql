/* Copies what a ranking may return into the new copy, carlos_new_copy. Reads: core.representation. */
create table carlos_new_copy.core.representation as
select
    profile_id,
    lora_id,
    measured,
    direction,
    strength,
    consistency,
    direction_cosine_lower,
    prompt_retention,
    computed_at
from core.representation
where measured = 'measured';
