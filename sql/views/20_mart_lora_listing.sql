/* What the sources say of each LoRA. Grain: one row per lora_id that a listing carries. Re-uploads share a row: the
   name shown is the earliest listing's, and `names` holds all. Untrusted text. */
create or replace view mart.lora_listing as
select
    lora_id,
    min_by(name, place) filter (place = 1) as name,
    list(distinct name order by name) filter (name is not null) as names,
    count(*) as n_listings,
    list(source || '#' || model_id || '/' || version_id order by place) as listings,
    max(creator) filter (place = 1) as creator,
    max(description) filter (place = 1) as description,
    max(tags) filter (place = 1) as tags,
    max(base_model_claimed) filter (place = 1) as base_model_claimed,
    max(base_model_named) filter (place = 1) as base_model_named,
    max(trained_words) filter (place = 1) as trained_words,
    max(nsfw_level) filter (place = 1) as nsfw_level,
    max(published_at) filter (place = 1) as published_at
from core.placed_listing('mart.newest_listing')
group by lora_id;
comment on view mart.lora_listing is 'What the sources say of a LoRA, untrusted; one row per lora_id.';
