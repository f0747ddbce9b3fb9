/* What is claimed of some LoRAs, untrusted, and what their files are. Grain: one row per lora_id. Parameters:
   $profile_id, $lora_ids. airs: the addresses (AIR) that listings give the version; address: where to look a listing up. */
with wanted as (
    select unnest($lora_ids::varchar[]) as lora_id
),

listed as (
    select
        lora_id,
        list(distinct payload ->> '$.version.air' order by payload ->> '$.version.air')
        filter (payload ->> '$.version.air' is not null) as airs
    from raw.listing
    semi join wanted using (lora_id)
    group by lora_id
)

select
    wanted.lora_id,
    listing.name,
    coalesce(listing.names, []) as names,
    coalesce(listing.listings, []) as listings,
    listing.creator,
    listing.description,
    coalesce(listing.tags, []) as tags,
    coalesce(listing.trained_words, []) as trained_words,
    listing.base_model_claimed,
    listing.published_at,
    coalesce(listed.airs, []) as airs,
    lora.base_model,
    lora.base_model_evidence,
    lora.base_model_in_metadata,
    lora.family,
    lora.rank as lora_rank,
    coalesce(lora.trigger_words, []) as trigger_words,
    coalesce(lora.frequent_tags, []) as frequent_tags,
    lora.license,
    lora.size_bytes,
    lora.tensors_sha256,
    lora.metadata,
    lora.first_seen_at
from wanted
left join core.lora as lora using (lora_id)
left join mart.lora_listing as listing using (lora_id)
left join listed using (lora_id)
order by wanted.lora_id;
