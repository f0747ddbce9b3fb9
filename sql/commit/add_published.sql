/* Inserts the representations of `published`, a registered table (lora_id, direction, strength, consistency), that the lake does not have.
   Parameters: $profile_id, $n_pairs and $n_prompts as their authors state them. Standard errors and flags are not known. */
insert into core.representation by name
select
    $profile_id as profile_id,
    lora_id,
    'measured' as measured,
    direction,
    strength,
    consistency,
    $n_pairs::integer as n_pairs,
    $n_prompts::integer as n_prompts,
    now() as computed_at
from published
where not exists (
    from core.representation as known
    where known.profile_id = $profile_id and known.lora_id = published.lora_id
)
order by lora_id;
