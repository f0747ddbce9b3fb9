/* All about a LoRA. Grain: one row per (profile_id, lora_id) that was measured or tried: what its listings claim,
   what its file shows, what it does, and its status. is_settled: its pairs tell all that its profile asks for; else
   `open` says what they do not. copied_from: the LoRA with the same weights whose images were
   measured, where none was drawn with this one. */
create or replace view mart.lora as
with
copied as (
    select profile_id, lora_id, arg_max(copied_from, attempted_at) as copied_from
    from core.outcome
    where copied_from is not null and status <> 'failed'
    group by profile_id, lora_id
)

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
    coalesce(len(open), 0) = 0 as is_settled,
    open,
    full_cosine_lower,
    strength_error,
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
    listing.base_model_named,
    listing.trained_words,
    listing.nsfw_level,
    listing.published_at,
    lora.family,
    lora.base_model,
    lora.base_model_evidence,
    lora.rank as lora_rank,
    lora.alpha,
    lora.scale_told_by,
    lora.is_scale_known,
    lora.scale_detail,
    lora.n_modules,
    lora.n_modules_matched,
    lora.modules,
    lora.base_model_in_metadata,
    lora.base_model_in_metadata_named,
    lora.trigger_words,
    lora.frequent_tags,
    lora.license,
    lora.size_bytes,
    lora.tensors_sha256,
    lora.metadata,
    lora.file_key,
    lora.first_seen_at,
    lora.taken_in_at,
    computed_at,
    copied.copied_from,
    direction
from mart.representation_status
left join core.lora using (lora_id)
left join mart.lora_listing as listing using (lora_id)
left join copied using (profile_id, lora_id);
comment on view mart.lora is 'All about a LoRA: claims, file, effect, status; one row per (profile_id, lora_id).';
