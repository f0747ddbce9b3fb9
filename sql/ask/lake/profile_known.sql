/* What the lake has of a profile and of its prompts. Parameters: $profile_id, $prompt_sets (list).
   Grain: one row; each column is a list, empty where there is nothing. */
select
    coalesce((
        select list({text_space_id: text_space_id, compared_with: coalesce(compared_with, [])})
        from core.profile
        where profile_id = $profile_id
    ), []) as profiles,
    coalesce((
        select list({name: name, value: value, origin: origin})
        from core.threshold
        where profile_id = $profile_id
    ), []) as thresholds,
    coalesce((
        select list({
            prompt_set: prompt_set, prompt_id: prompt_id, category: category, subcategory: subcategory, text: text
        })
        from core.prompt
        where list_contains($prompt_sets, prompt_set)
    ), []) as prompts;
