/* What filters and hits need of a LoRA, without its Direction, so that it is small enough to be kept in memory. Grain: one
   row per (profile_id, lora_id) that was measured or tried. `license` is what a listing says, else what the file says;
   `published_at` is null where the source's text is no time. Claims of listings are untrusted. */
create or replace view mart.searchable as
with claim as (
    select
        lora_id,
        list(distinct source order by source) as sources,
        min(try_cast(license as json) ->> '$.license') as license
    from raw.listing
    where lora_id is not null
    group by lora_id
)

select
    effect.profile_id,
    effect.lora_id,
    effect.measured,
    effect.status,
    effect.strength,
    effect.consistency,
    effect.strength_se,
    effect.consistency_se,
    effect.direction_cosine_lower,
    effect.prompt_retention,
    coalesce(len(effect.open), 0) = 0 as is_settled,
    effect.n_pairs,
    effect.n_prompts,
    listing.name,
    listing.names,
    coalesce(listing.n_listings, 0) as n_listings,
    coalesce(claim.sources, []::varchar[]) as sources,
    listing.creator,
    lora.base_model,
    listing.base_model_claimed,
    listing.base_model_named,
    coalesce(nullif(claim.license, ''), nullif(lora.license, '')) as license,
    listing.nsfw_level,
    core.moment(listing.published_at) as published_at,
    lora.first_seen_at,
    effect.computed_at
from mart.representation_status as effect
left join core.lora as lora using (lora_id)
left join mart.lora_listing as listing using (lora_id)
left join claim using (lora_id);
comment on view mart.searchable is 'What filters and hits need of a LoRA, without its Direction; one row per (profile_id, lora_id).';
