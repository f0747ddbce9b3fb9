/* mart.search_vector(vec, k, profile := ''): the k LoRAs whose Direction is nearest to a query vector, best
   first, of those that search may return. Grain: one row per (profile_id, rank).
   score: cosine(direction, vec). Representations compare within one profile only: profile: an id; without it, every profile
   whose dimension fits has its own ranking. Ties are broken by lora_id. */
create or replace macro mart.search_vector(vec, k, profile := '') as table (
    with
    scored as (
        select
            candidate.profile_id,
            candidate.lora_id,
            case when len(candidate.direction) = len(vec)
                then core.cosine(candidate.direction, vec::float[]) end as score,
            candidate.strength,
            candidate.consistency,
            candidate.direction_cosine_lower,
            candidate.status
        from mart.representation_status as candidate
        where
            candidate.status = 'ok' and candidate.strength > 0
            and (profile = '' or candidate.profile_id = profile)
    ),

    ranked as (
        select
            *,
            row_number() over (partition by scored.profile_id order by score desc, lora_id) as rank
        from scored
        where score is not null and not isnan(score)
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
    where ranked.rank <= k
    order by ranked.profile_id, ranked.rank
);
