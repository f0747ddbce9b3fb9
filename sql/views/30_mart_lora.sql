/* All about a LoRA. Grain: one row per (profile_id, lora_id) that was measured or tried: what its listings claim,
   what its file shows, what it does, and its status. */
create or replace view mart.lora as
select
    profile_id,
    lora_id,
    listing.name,
    status,
    strength,
    consistency,
    strength_se,
    consistency_se,
    direction_cosine_lower,
    prompt_retention,
    n_pairs,
    n_prompts,
    n_zero,
    n_flagged,
    listing.names,
    coalesce(listing.n_listings, 0) as n_listings,
    listing.listings,
    listing.creator,
    listing.description,
    listing.tags,
    listing.base_model_claimed,
    listing.trained_words,
    listing.nsfw_level,
    listing.published_at,
    lora.family,
    lora.base_model,
    lora.base_model_evidence,
    lora.rank as lora_rank,
    lora.n_modules,
    lora.trigger_words,
    lora.size_bytes,
    lora.metadata,
    lora.file_key,
    lora.first_seen_at,
    computed_at,
    direction
from mart.representation_status
left join core.lora using (lora_id)
left join mart.lora_listing as listing using (lora_id);
comment on view mart.lora is 'All about a LoRA: claims, file, effect, status; one row per (profile_id, lora_id).';
