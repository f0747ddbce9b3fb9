/* Inserts the representations of LoRAs without embeddings: status 'unpatched' or 'failed' and nothing else.
   Reads `unmeasured`, a registered table (profile_id, lora_id, measured). */
insert into core.representation by name
select
    profile_id,
    lora_id,
    measured,
    0 as n_pairs,
    0 as n_prompts,
    0 as n_zero,
    0 as n_flagged,
    now() as computed_at
from unmeasured
order by lora_id;
