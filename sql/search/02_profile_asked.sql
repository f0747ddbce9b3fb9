/* core.profile_asked(profile): the profiles that a question is put to, each with those that its ranking holds: itself and
   those that it says it is compared with. Grain: one row per (asked_profile_id, profile_id) with a LoRA that is indexed
   under profile_id. profile: an id, or a name, which several versions of a profile may share; '' asks every one. */
create or replace macro core.profile_asked(profile) as table (
    with
    indexed as (select distinct profile_id from core.representation),

    ranked as (
        select profile_id as asked_profile_id, profile_id
        from indexed
        union
        select profile_id as asked_profile_id, unnest(compared_with) as profile_id
        from core.profile
    )

    select ranked.asked_profile_id, ranked.profile_id
    from ranked
    semi join indexed using (profile_id)
    left join core.profile as known on ranked.asked_profile_id = known.profile_id
    where profile = '' or ranked.asked_profile_id = profile or known.name = profile
);
