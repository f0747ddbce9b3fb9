/* mart.search_vector(vec, k, profile := '', strength_max := …, strength_min := …, consistency_min := …,
   retention_min := …): the k LoRAs whose Direction is nearest to a query vector, best first, of those that search may
   return. Grain: one row per (asked_profile_id, rank); profile_id is the profile under which the LoRA was measured: the
   asked one, or one that it is compared with (core.profile.compared_with), mostly with other seeds and so other noise.
   score: cosine(direction, vec). profile: an id or a name; without it, every profile whose dimension fits has its own
   ranking. The limits stand in for the profile's thresholds:
   strength_max := 'inf' lets the overpowering ones in. Ties are broken by lora_id. */
create or replace macro mart.search_vector(
    vec,
    k,
    profile := '',
    strength_max := 'nan'::double,
    strength_min := 'nan'::double,
    consistency_min := 'nan'::double,
    retention_min := 'nan'::double
) as table (
    from core.ranking(
        (
            select
                case
                    when count(*) = 0 and profile <> ''
                        then error('nothing is indexed under profile ''' || profile || ''': see mart.index_health')
                    else list(
                        {
                            'asked_profile_id': asked.asked_profile_id,
                            'profile_id': asked.profile_id,
                            'vector': vec::float[],
                            'without': null::varchar
                        }
                    )
                end
            from core.profile_asked(profile) as asked
        ),
        k,
        strength_max,
        strength_min,
        consistency_min,
        retention_min
    )
);
