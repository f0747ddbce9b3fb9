/* Profiles that differ in the use of trigger words alone, so that what the words do can be told. Grain: one row per
   (profile_id, companion_id): the profile that adds them to the prompt, and the one that leaves them out. */
create or replace view mart.companion_profile as
with definition as (
    select
        profile_id,
        definition ->> '$.lora.trigger_words' as trigger_words,
        json_merge_patch(definition::json, '{"lora": {"trigger_words": null}}'::json)::varchar as everything_else
    from core.profile
    where json_valid(definition)
)

select words.profile_id, without.profile_id as companion_id
from definition as words
inner join definition as without using (everything_else)
where words.trigger_words = 'append' and without.trigger_words = 'ignore';
comment on view mart.companion_profile is 'Profiles with trigger words and without; one row per (profile_id, companion_id).';
