/* What make_searchable.sql keeps, of some LoRAs. `read` is a registered table: row, lora_id and computed_at of each
   Direction in memory; what was measured anew has another computed_at, and its old row is not found any more.
   Parameters: $profile_id; $first, $before: the ids from the one to below the other. A whole index at once would need
   several times the memory of its copy, for the windows and groups of the view. */
select
    read.row,
    name,
    status,
    strength,
    consistency,
    strength_se,
    consistency_se,
    direction_cosine_lower,
    prompt_retention,
    is_settled,
    n_listings,
    nullif(names, [name]) as names,
    sources,
    creator,
    base_model,
    base_model_claimed,
    base_model_named,
    license,
    nsfw_level,
    published_at
from mart.searchable as searchable
inner join read using (lora_id, computed_at)
where
    searchable.profile_id = $profile_id
    and searchable.lora_id >= $first
    and searchable.lora_id < $before;
