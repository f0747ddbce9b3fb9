/* mart.similar(id, k, profile := ''): the k LoRAs whose Direction is nearest to that of LoRA `id`, best first,
   without itself. Grain: one row per (profile_id, rank). Columns as mart.search_vector. `id` may have any status as
   long as it has a Direction; what is returned is 'ok' only. */
create or replace macro mart.similar(id, k, profile := '') as table (
    with
    wanted as (
        select this.profile_id, this.direction
        from core.representation as this
        where
            this.lora_id = id
            and this.direction is not null
            and (profile = '' or this.profile_id = profile)
    ),

    scored as (
        select
            candidate.profile_id,
            candidate.lora_id,
            core.cosine(candidate.direction, wanted.direction) as score,
            candidate.strength,
            candidate.consistency,
            candidate.direction_cosine_lower,
            candidate.status
        from mart.representation_status as candidate
        inner join wanted on candidate.profile_id = wanted.profile_id
        where candidate.status = 'ok' and candidate.strength > 0 and candidate.lora_id <> id
    ),

    ranked as (
        select
            *,
            row_number() over (partition by scored.profile_id order by score desc, lora_id) as rank
        from scored
        where not isnan(score)
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
