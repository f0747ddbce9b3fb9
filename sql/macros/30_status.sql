/* status(measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min,
   retention_min): one word on what a representation is good for; the first that fits, in this order.

   failed, unpatched, degenerate: there is no representation to use (`measured` says so).
   no_effect:     strength < strength_min.
   overpowering:  strength > strength_max and, where retention_min is set, prompt_retention < retention_min: a strong
                  LoRA that still follows the prompt is not overpowering.
   inconsistent:  consistency < consistency_min, or undefined (fewer than two pairs that differ).
   ok:            none of these. A threshold that is null filters nothing. */
create or replace macro core.status(
    measured, strength, consistency, prompt_retention, strength_max, strength_min, consistency_min, retention_min
) as
    case
        when measured <> 'measured' then measured
        when strength < strength_min then 'no_effect'
        when strength > strength_max and (retention_min is null or prompt_retention < retention_min)
            then 'overpowering'
        when consistency_min is not null and coalesce(consistency < consistency_min, true) then 'inconsistent'
        else 'ok'
    end;
