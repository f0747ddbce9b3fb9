/* core.profile_asked(profile): the profiles that a question is put to. Grain: one row per profile_id under which a LoRA is
   indexed. profile: an id, or a name, which several versions of a profile may share; '' asks every one. */
create or replace macro core.profile_asked(profile) as table (
    select this.profile_id
    from (select distinct profile_id from core.representation) as this
    left join core.profile as known using (profile_id)
    where profile = '' or this.profile_id = profile or known.name = profile
);
