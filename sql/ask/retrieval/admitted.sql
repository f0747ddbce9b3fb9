/* Rows of the Directions in memory that pass the filters. A filter that is null, or an empty list, lets everything pass;
   a value that is null passes no filter on it. Of the rows from $first to below $before_row: those of one profile. Names are given as they stand in the columns (sql/ask/retrieval/known_values.sql).

   The status is the lake's, unless a threshold is asked for: then it is told anew, with the thresholds given
   ($limit_strength_max …: all in force); what a decision says, and that it is damaged, stands under any threshold.
   A bound on Strength or Consistency holds beside that: whoever asks for at most 5
   gets at most 5, also where prompt retention would excuse more. */
select row
from searchable
where
    row >= $first
    and row < $before_row
    and list_contains(
        $status::varchar[],
        case
            when $is_status_anew and status not in ('removed', 'restricted', 'damaged')
                then core.status(
                    'measured', -- what else a LoRA may be has no Direction, and so no row
                    strength,
                    consistency,
                    prompt_retention,
                    $limit_strength_max::double,
                    $limit_strength_min::double,
                    $limit_consistency_min::double,
                    $limit_retention_min::double
                )
            else status
        end
    )
    and ($strength_min::double is null or strength >= $strength_min)
    and ($strength_max::double is null or strength <= $strength_max)
    and ($consistency_min::double is null or consistency >= $consistency_min)
    and ($consistency_max::double is null or consistency <= $consistency_max)
    and ($nsfw_allowed::integer is null or nsfw_level <= $nsfw_allowed)
    and ($since::timestamptz is null or published_at >= $since)
    and ($before::timestamptz is null or published_at < $before)
    and (len($license::varchar[]) = 0 or list_contains($license, license))
    and (len($creator::varchar[]) = 0 or list_contains($creator, creator))
    and (len($source::varchar[]) = 0 or list_has_any($source, sources))
    and (
        len($base_model::varchar[]) = 0
        or list_contains($base_model, base_model)
        or list_contains($base_model, base_model_claimed)
        or list_contains($base_model, base_model_named)
    );
