/* What hits show, in any order. Parameter: $rows, rows of the Directions in memory. */
select
    row,
    name,
    strength,
    consistency,
    status,
    strength_se,
    consistency_se,
    direction_cosine_lower,
    prompt_retention,
    is_settled,
    n_listings,
    case when name is null then names else coalesce(names, [name]) end as names,
    base_model,
    base_model_claimed,
    license,
    nsfw_level,
    sources,
    creator,
    published_at
from searchable
where row in (select unnest($rows::integer[]));
