/* core.ranking(asked, k, strength_max, strength_min, consistency_min, retention_min): the ranking behind every search.
   Grain: one row per (asked_profile_id, rank), best first; ties are broken by lora_id.

   asked: list of {asked_profile_id, profile_id, vector, without}: what is asked for in the ranking of one profile, of which
   profile's LoRAs (itself, or one that it is compared with), and a LoRA to leave out, or null.
   The limits take the place of the LoRA's profile's own thresholds (core.limit); only what is 'ok' under them comes back, and nothing
   that a decision keeps from search (mart.removed) or that was found damaged (core.damage). score: cosine(direction, vector).
   A vector without a direction is an error, and so is one whose dimension no profile has that is asked: an empty answer
   would say that there is nothing to find.

   Decisions, damages and names are looked up for the best only: to look each of all LoRAs up costs more than its score.
   Directions and names come from the attached copy where it agrees with the snapshot (core.copy_in_use), what came
   after it and everything else from the lake. */
create or replace macro core.ranking(asked, k, strength_max, strength_min, consistency_min, retention_min) as table (
    with
    given as (select unnest(asked, max_depth := 2)),

    query as materialized (
        select
            given.asked_profile_id,
            given.profile_id,
            given."without",
            case
                when coalesce(list_inner_product(given.vector::double[], given.vector::double[]), 0) in (0, 'nan', 'inf')
                    then error('the vector that was asked for has no direction: it is null, 0, or holds NaN or infinity')
                else given.vector::float[]
            end as vector,
            core.limit(strength_max, limits.strength_max) as strength_max,
            core.limit(strength_min, limits.strength_min) as strength_min,
            core.limit(consistency_min, limits.consistency_min) as consistency_min,
            core.limit(retention_min, limits.retention_min) as retention_min
        from given
        left join mart.status_threshold as limits using (profile_id)
    ),

    copy as materialized (
        select
            count(*) > 0 as is_used,
            coalesce(max(through), '-infinity') as through,
            coalesce(max(listed_through), '-infinity') as listed_through
        from core.copy_in_use()
    ),

    -- Read from parquet, a null list leaves a null element behind it in the column, and list_cosine_similarity refuses the
    -- whole column for it, even in rows that a filter has left out. Appending an empty list copies the elements of the
    -- rows that are asked for, and nothing else.
    known as (
        select
            profile_id, lora_id, measured, strength, consistency, prompt_retention, direction_cosine_lower, direction
        from core.copied('core.representation')
        where (select is_used from copy)
        union all
        select
            profile_id, lora_id, measured, strength, consistency, prompt_retention, direction_cosine_lower,
            direction || []::float[] as direction
        from core.representation
        where computed_at > (select through from copy)
    ),

    -- The profile is compared inside `dimension`, and not by a join: a join would copy the vector beside every row.
    scored as materialized (
        select
            query.asked_profile_id,
            known.profile_id,
            known.lora_id,
            known.strength,
            known.consistency,
            known.direction_cosine_lower,
            case when known.profile_id = query.profile_id then len(known.direction) end as dimension,
            len(query.vector) as dimension_asked,
            case when dimension = dimension_asked then list_cosine_similarity(known.direction, query.vector) end as score
        from known
        cross join query
        where
            core.status(
                known.measured,
                known.strength,
                known.consistency,
                known.prompt_retention,
                query.strength_max,
                query.strength_min,
                query.consistency_min,
                query.retention_min
            ) = 'ok'
            and known.strength > 0
            -- Prompt retention excuses Strength above the profile's limit, not above one that the question gives.
            and known.strength <= core.limit(strength_max, 'inf'::double)
            and known.lora_id is distinct from query.without
            and dimension is not null
    ),

    removed as materialized (select lora_id from mart.removed),
    damaged as materialized (select profile_id, lora_id from core.damage where resolved_at is null),

    -- The k best of those that may be shown are among so many of all. More than a million are not counted off.
    enough as materialized (
        select least(greatest(coalesce(k, 1), 1), 1000000)::bigint + (select count(*) from removed) + (select count(*) from damaged) as n
    ),

    last_score as (
        select
            asked_profile_id,
            list_min(max(score, least((select n from enough), 999999)) filter (not isnan(score))) as score
        from scored
        group by asked_profile_id
    ),

    best as materialized (
        select scored.*
        from scored
        inner join last_score using (asked_profile_id)
        where
            not isnan(scored.score)
            and (scored.score >= last_score.score or (select n > 999999 from enough))
    ),

    ranked as materialized (
        select
            *,
            row_number() over (partition by asked_profile_id order by score desc, lora_id, profile_id) as rank
        from best
        anti join removed using (lora_id)
        anti join damaged using (profile_id, lora_id)
        qualify rank <= case when k >= 1 then k else error('k is to be 1 or more: how many LoRAs to return') end
    ),

    -- Where something was found, something fits.
    fit as (
        select
            case
                when count(*) > 0 and count(*) filter (dimension = dimension_asked) = 0
                    then error(
                        'the vector has ' || any_value(dimension_asked) || ' dimensions and the LoRAs have '
                        || list_sort(list(distinct dimension))::varchar || ': it is another profile''s'
                    )
                else true
            end as is_fit
        from (from scored where (select count(*) = 0 from ranked))
        anti join removed using (lora_id)
        anti join damaged using (profile_id, lora_id)
    ),

    listed as (
        from (
            select
                lora_id, source, model_id, version_id, file_id, seen_at, payload_sha256, name, published_at
            from core.copied('raw.listing')
            where (select is_used from copy)
            union all
            select
                lora_id, source, model_id, version_id, file_id, seen_at, payload_sha256, name, published_at
            from raw.listing
            where taken_in_at > (select listed_through from copy)
        )
        semi join ranked using (lora_id)
    ),
    newest as (from core.newest_listing('listed')),

    listing as (
        select
            lora_id,
            min_by(name, place) filter (place = 1) as name,
            list(distinct name order by name) filter (name is not null) as names,
            count(*) as n_listings
        from core.placed_listing('newest')
        group by lora_id
    )

    select
        ranked.rank,
        ranked.lora_id,
        listing.name,
        ranked.score,
        ranked.strength,
        ranked.consistency,
        'ok' as status,
        ranked.direction_cosine_lower,
        coalesce(listing.n_listings, 0) as n_listings,
        listing.names,
        ranked.profile_id,
        ranked.asked_profile_id
    from ranked
    left join listing using (lora_id)
    where (select fit.is_fit from fit)
    order by ranked.asked_profile_id, ranked.rank
);
