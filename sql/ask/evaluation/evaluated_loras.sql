/* The LoRAs of a profile that were measured or tried, as the evaluation needs them. Grain: one row per lora_id, sorted.
   passes_strength, passes_consistency: what search would say with the thresholds of the other kind taken away.
   Parameter: $profile_id. */
select
    lora.lora_id,
    lora.name,
    lora.names,
    lora.description,
    lora.tags,
    lora.trained_words,
    lora.nsfw_level,
    lora.status,
    lora.strength,
    lora.consistency,
    lora.strength_se,
    lora.consistency_se,
    lora.direction_cosine_lower,
    lora.prompt_retention,
    lora.n_pairs,
    core.status(
        effect.measured,
        effect.strength,
        effect.consistency,
        effect.prompt_retention,
        limits.strength_max,
        limits.strength_min,
        null,
        limits.retention_min
    ) = 'ok' as passes_strength,
    core.status(
        effect.measured,
        effect.strength,
        effect.consistency,
        effect.prompt_retention,
        null,
        null,
        limits.consistency_min,
        null
    ) = 'ok' as passes_consistency
from mart.lora as lora
inner join core.representation as effect using (profile_id, lora_id)
left join mart.status_threshold as limits using (profile_id)
where lora.profile_id = $profile_id
order by lora.lora_id;
