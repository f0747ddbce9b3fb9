/* How what was measured is spread over the measured LoRAs. Grain: one row per (profile_id, measure, quantile).
   measure: strength, consistency. quantile: 0 is the lowest, 0.5 the median, 1 the highest, linear in between. n: LoRAs
   that have the measure. */
create or replace view mart.measure_quantiles as
with
point as (
    select [0, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 1]::double[] as quantiles
),

measured as (
    unpivot (select profile_id, strength, consistency from core.representation where measured = 'measured')
    on strength, consistency
    into name measure value x
),

spread as (
    select profile_id, measure, list(x order by x) as sorted_values
    from measured
    group by profile_id, measure
),

unrolled as (
    select profile_id, measure, unnest(quantiles) as quantile, sorted_values
    from spread
    cross join point
)

select profile_id, measure, quantile, core.quantile(sorted_values, quantile) as value, len(sorted_values) as n
from unrolled
order by profile_id, measure, quantile;
comment on view mart.measure_quantiles is 'How Strength and Consistency are spread; one row per (profile_id, measure, quantile).';
