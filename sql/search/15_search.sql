/* mart.search(txt, k, profile := '', strength_max := …, strength_min := …, consistency_min := …, retention_min := …): the
   k LoRAs that do most nearly what a text asks for, best first. Grain: one row per (asked_profile_id, rank).
   Columns and limits as mart.search_vector. The query vector is taken from core.query; in `carlos sql` and
   carlos_tasks.connect() one that is not there is computed, elsewhere that is an error. profile: an id or a name; without
   it the session's (`carlos sql`: CARLOS_PROFILE), else every profile for which the text is stored. */
create or replace macro mart.search(
    txt,
    k,
    profile := '',
    strength_max := 'nan'::double,
    strength_min := 'nan'::double,
    consistency_min := 'nan'::double,
    retention_min := 'nan'::double
) as table (
    from core.ranking(
        (
            with
            place as (
                select asked.asked_profile_id, asked.profile_id, any_value(stored.vector) as vector
                from core.profile_asked(coalesce(nullif(profile, ''), getvariable('carlos_profile'), '')) as asked
                left join core.profile as known on asked.asked_profile_id = known.profile_id
                left join core.query as stored
                    on known.text_space_id = stored.text_space_id and stored.text = core.query_text(txt)
                group by asked.asked_profile_id, asked.profile_id
            )

            select
                case
                    when count(*) = 0 and coalesce(nullif(profile, ''), getvariable('carlos_profile')) is not null
                        then error(
                            'nothing is indexed under profile '''
                            || coalesce(nullif(profile, ''), getvariable('carlos_profile')) || ''': see mart.index_health'
                        )
                    else list(
                        {
                            'asked_profile_id': place.asked_profile_id,
                            'profile_id': place.profile_id,
                            'vector': coalesce(place.vector, encode_query(core.query_text(txt), place.asked_profile_id)),
                            'without': null::varchar
                        }
                    )
                end
            from place
            where place.vector is not null or not exists (select 1 from place as other where other.vector is not null)
        ),
        k,
        strength_max,
        strength_min,
        consistency_min,
        retention_min
    )
);
