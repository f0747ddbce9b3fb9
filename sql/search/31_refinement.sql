/* mart.refinement(profile, most, cosine_min, word_use := 'append'): LoRAs that a profile (its id) is to measure with more
   pairs, and why. most: pairs that any gets; cosine_min: how near a Direction is to be to that of all pairs (both from the
   profile's budget). word_use and measured_as: as words and measured_as of mart.backlog. reasons: queue, it waits for a
   decision and its Direction is not settled, whatever its status; status, it is near a threshold; unsettled, its Direction or
   its Strength is not known well enough.
   Grain: one row per lora_id, the most needed first, and of these the least measured; each followed by those with its
   key. */
create or replace macro mart.refinement(profile, most, cosine_min, word_use := 'append') as table (
    with named as (
        select
            known.lora_id,
            known.n_pairs + known.n_flagged as n_drawn,
            lora.file_key,
            lora.trigger_words,
            lora.stated_scale,
            core.measure_key(
                lora.tensors_sha256, lora.scale_key, if(word_use = 'ignore', [], lora.trigger_words)
            ) as measure_key,
            if(queue.lora_id is not null and coalesce(known.full_cosine_lower, 0) < cosine_min, ['queue'], [])
            || if(list_contains(known.open, 'status'), ['status'], [])
            || if(list_has_any(known.open, ['direction', 'strength']), ['unsettled'], []) as reasons
        from core.representation as known
        inner join core.lora as lora using (lora_id)
        left join mart.moderation_queue as queue using (lora_id)
        where
            known.profile_id = profile
            and known.measured = 'measured'
            and known.open is not null
            and known.n_pairs + known.n_flagged < most
            and lora.file_key is not null
            and not exists (
                from core.damage as damage
                where
                    damage.profile_id = profile
                    and damage.lora_id = known.lora_id
                    and damage.resolved_at is null
            )
    ),

    needed as (
        select *, list_position(['queue', 'status', 'unsettled'], reasons[1]) as need
        from named
        where len(reasons) > 0
    ),

    grouped as (
        select
            *,
            first_value(lora_id) over alike as first_id,
            first_value(need) over alike as first_need,
            first_value(n_drawn) over alike as first_drawn
        from needed
        window alike as (partition by coalesce(measure_key, lora_id) order by need, n_drawn, lora_id)
    )

    select
        lora_id,
        file_key,
        trigger_words,
        stated_scale,
        measure_key,
        nullif(first_id, lora_id) as measured_as,
        n_drawn,
        reasons
    from grouped
    order by first_need, first_drawn, first_id, need, n_drawn, lora_id
);
