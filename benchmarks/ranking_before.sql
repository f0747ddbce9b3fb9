/* core.ranking as it was at commit 5dcacb3, for benchmarks/ranking_sql.py alone: what the ranking in SQL is held against. */
create or replace temp macro ranking_before(asked, k, strength_max, strength_min, consistency_min, retention_min) as table (
    with
    given as (select unnest(asked, max_depth := 2)),

    query as (
        select
            profile_id,
            "without",
            case
                when coalesce(list_inner_product(vector::double[], vector::double[]), 0) in (0, 'nan', 'inf')
                    then error('the vector that was asked for has no direction: it is null, 0, or holds NaN or infinity')
                else vector::float[]
            end as vector
        from given
    ),

    candidate as (
        select
            this.profile_id,
            this.lora_id,
            this.strength,
            this.consistency,
            this.direction_cosine_lower,
            this.direction,
            core.status(
                this.measured,
                this.strength,
                this.consistency,
                this.prompt_retention,
                core.limit(strength_max, limits.strength_max),
                core.limit(strength_min, limits.strength_min),
                core.limit(consistency_min, limits.consistency_min),
                core.limit(retention_min, limits.retention_min)
            ) as status
        from core.representation as this
        left join mart.status_threshold as limits using (profile_id)
        anti join mart.removed as removed using (lora_id)
        anti join (from core.damage where resolved_at is null) as damaged using (profile_id, lora_id)
    ),

    scored as materialized (
        select
            candidate.* exclude (direction),
            len(candidate.direction) as dimension,
            len(query.vector) as dimension_asked,
            case when dimension = dimension_asked then core.cosine(candidate.direction, query.vector) end as score
        from candidate
        inner join query using (profile_id)
        where
            candidate.status = 'ok'
            and candidate.strength > 0
            -- Prompt retention excuses Strength above the profile's limit, not above one that the question gives.
            and candidate.strength <= core.limit(strength_max, 'inf'::double)
            and candidate.lora_id is distinct from query.without
    ),

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
        from scored
    ),

    ranked as (
        select
            scored.*,
            row_number() over (partition by scored.profile_id order by scored.score desc, scored.lora_id) as rank
        from scored
        where not isnan(scored.score)
    )

    select
        ranked.rank,
        ranked.lora_id,
        listing.name,
        ranked.score,
        ranked.strength,
        ranked.consistency,
        ranked.status,
        ranked.direction_cosine_lower,
        coalesce(listing.n_listings, 0) as n_listings,
        listing.names,
        ranked.profile_id
    from ranked
    left join mart.lora_listing as listing using (lora_id)
    where
        ranked.rank <= case when k >= 1 then k else error('k is to be 1 or more: how many LoRAs to return') end
        and (select fit.is_fit from fit)
    order by ranked.profile_id, ranked.rank
);
