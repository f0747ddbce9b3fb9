/* Sets thresholds of a profile to quantiles of its own measured LoRAs.
   Parameters: $profile_id, $names and $quantiles (lists of one length), $snapshot_id: the state that the LoRAs are read at.
   Grain: one row per name of the list that a measured LoRA has a value for. */
merge into core.threshold as known
using (
    with wanted as (
        select unnest($names::varchar[]) as name, unnest($quantiles::double[]) as quantile
    ),

    sorted as (
        select
            wanted.name,
            wanted.quantile,
            list(value order by value) as sorted_values
        from wanted
        cross join core.representation
        cross join lateral (
            select core.calibrated_on(wanted.name, strength, consistency, prompt_retention) as value
        )
        where profile_id = $profile_id and measured = 'measured' and value is not null
        group by wanted.name, wanted.quantile
    )

    select
        $profile_id as profile_id,
        name,
        core.quantile(sorted_values, quantile) as value,
        format(
            'calibrated: quantile {:.4f} of {} LoRAs, snapshot {}', quantile, len(sorted_values), $snapshot_id::bigint
        ) as origin
    from sorted
) as found
on (known.profile_id = found.profile_id and known.name = found.name)
when matched then update set value = found.value, origin = found.origin
when not matched then insert (profile_id, name, value, origin)
values (found.profile_id, found.name, found.value, found.origin);
