/* Inserts representations that the commit computed.
   Parameter: $profile_id. Reads: computed, columns of core.representation, one row per LoRA; attempts, columns of
   core.outcome, which say how far the pairs of each settle it. */
insert into core.representation by name
select
    $profile_id as profile_id,
    computed.*,
    attempts.open,
    attempts.full_cosine_lower,
    attempts.strength_error,
    now() as computed_at
from computed
left join attempts using (lora_id)
order by computed.lora_id;
