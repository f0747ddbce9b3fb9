/* mart.backlog(profile, backbone, words := 'append', relatives := '', others := ''): LoRAs made for a backbone that a profile
   (its id) has not measured yet, nor tried, or of which something was found damaged (core.damage), and whose file is in the
   store. words: what the profile does with trigger words, append or ignore.
   relatives: what listings call a relative of the backbone, as core.comparable_words writes it, with spaces between
   ('pony ponydiffusionv6xl'): only LoRAs of which a listing claims one of them. others: such words that other profiles take:
   no LoRA of which a listing claims one of them.
   measured_as: a LoRA with the same core.measure_key, from which the measurement is copied: one that has been drawn, or
   else the first that waits.
   is_near_known: by its weights (core.weights_kind) it is near to one that the profile has measured, or to one that waits
   ahead of it. What is near to nothing known teaches the index most, and comes first.
   Grain: one row per lora_id, of equals the longest known first, each followed by those with its key; the same backlog
   comes in the same order. */
create or replace macro mart.backlog(profile, backbone, words := 'append', relatives := '', others := '') as table (
    with claimed as (
        select
            lora_id,
            bool_or(list_contains(string_split(relatives, ' '), core.comparable_words(base_model_claimed))) as is_taken,
            bool_or(list_contains(string_split(others, ' '), core.comparable_words(base_model_claimed))) as is_others
        from mart.newest_listing
        where relatives <> '' or others <> ''
        group by lora_id
    ),

    waiting as (
        select
            lora_id,
            file_key,
            trigger_words,
            stated_scale,
            first_seen_at,
            core.measure_key(tensors_sha256, scale_key, if(words = 'ignore', [], trigger_words)) as measure_key
        from core.lora as lora
        left join claimed using (lora_id)
        where
            base_model = backbone
            and file_key is not null
            and if(relatives <> '', coalesce(claimed.is_taken, false), not coalesce(claimed.is_others, false))
            and not exists (
                from core.representation as done
                where
                    done.profile_id = profile
                    and done.lora_id = lora.lora_id
                    and (
                        done.measured = 'failed'
                        or not exists (
                            from core.damage as damage
                            where
                                damage.profile_id = profile
                                and damage.lora_id = lora.lora_id
                                and damage.resolved_at is null
                        )
                    )
            )
    ),

    drawn as (
        select measure_key, arg_min(lora_id, (attempted_at, lora_id)) as drawn_as
        from core.outcome
        where profile_id = profile and status <> 'failed' and copied_from is null and measure_key is not null
        group by measure_key
    ),

    near as (
        select lora_id, other_id from core.alike_weights where core.weights_kind(change_cosine, output_z) is not null
        union all
        select other_id as lora_id, lora_id as other_id
        from core.alike_weights
        where core.weights_kind(change_cosine, output_z) is not null
    ),

    near_known as (
        select distinct near.lora_id
        from near
        inner join waiting using (lora_id)
        left join waiting as other on near.other_id = other.lora_id
        where
            (other.first_seen_at, other.lora_id) < (waiting.first_seen_at, waiting.lora_id)
            or near.other_id in (
                select lora_id from core.representation where profile_id = profile and direction is not null
            )
    ),

    grouped as (
        select
            waiting.*,
            first_value(near_known.lora_id is not null) over alike as is_near_known,
            first_value(lora_id) over alike as first_id,
            first_value(first_seen_at) over alike as first_of_group_seen_at
        from waiting
        left join near_known using (lora_id)
        window alike as (partition by coalesce(measure_key, lora_id) order by first_seen_at, lora_id)
    )

    select
        lora_id,
        file_key,
        trigger_words,
        stated_scale,
        measure_key,
        coalesce(nullif(drawn_as, lora_id), nullif(first_id, lora_id)) as measured_as,
        is_near_known
    from grouped
    left join drawn using (measure_key)
    order by is_near_known, first_of_group_seen_at, first_id, first_seen_at, lora_id
);
