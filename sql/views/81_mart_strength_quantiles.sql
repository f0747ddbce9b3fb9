/* How Strength is spread over the measured LoRAs. Grain: one row per (profile_id, quantile).
   quantile: 0 is the lowest, 0.5 the median, 1 the highest, linear in between; n: LoRAs that have a Strength. */
create or replace view mart.strength_quantiles as
with
point as (
    select [0, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 1]::double[] as quantiles
),

spread as (
    select profile_id, list(strength order by strength) as sorted_values
    from core.representation
    where measured = 'measured' and strength is not null
    group by profile_id
),

unrolled as (
    select profile_id, unnest(quantiles) as quantile, sorted_values
    from spread
    cross join point
)

select profile_id, quantile, core.quantile(sorted_values, quantile) as value, len(sorted_values) as n
from unrolled
order by profile_id, quantile;
comment on view mart.strength_quantiles is 'How Strength is spread over measured LoRAs; one row per (profile_id, quantile).';
