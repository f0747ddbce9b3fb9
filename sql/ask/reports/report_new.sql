/* LoRAs that were taken in after $since, and what is known of each under a profile. Grain: one row per lora_id, the newest
   first. status is null where it was not measured yet. */
select
    lora.lora_id,
    listing.name,
    listing.creator,
    lora.base_model,
    effect.status,
    effect.strength,
    effect.consistency,
    coalesce(listing.n_listings, 0) as n_listings,
    lora.first_seen_at,
    lora.taken_in_at
from core.lora as lora
left join mart.lora_listing as listing using (lora_id)
left join mart.representation_status as effect on lora.lora_id = effect.lora_id and effect.profile_id = $profile_id
where lora.taken_in_at > $since
order by lora.taken_in_at desc, lora.lora_id;
