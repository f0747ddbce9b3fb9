/* Measured representations with NaN or infinity in a number or in the direction, or without a direction. Must return no rows. */
select profile_id, lora_id, strength, consistency
from core.representation
where
    measured = 'measured'
    and (
        direction is null
        or strength is null
        or not isfinite(strength)
        or not isfinite(coalesce(consistency, 0))
        or not isfinite(coalesce(strength_se, 0))
        or not isfinite(coalesce(consistency_se, 0))
        or not isfinite(coalesce(direction_cosine_lower, 0))
        or not isfinite(coalesce(prompt_retention, 0))
        or len([x for x in direction if not isfinite(x)]) > 0
    )
order by profile_id, lora_id;
