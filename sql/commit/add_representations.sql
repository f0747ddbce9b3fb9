/* Inserts representations that the commit computed.
   Parameter: $profile_id. Reads: computed, columns of core.representation, one row per LoRA. */
insert into core.representation by name
select
    $profile_id as profile_id,
    *,
    now() as computed_at
from computed
order by lora_id;
