/* How Strength is spread over the measured LoRAs. Grain: one row per (profile_id, quantile), as mart.measure_quantiles. */
create or replace view mart.strength_quantiles as
select profile_id, quantile, value, n
from mart.measure_quantiles
where measure = 'strength';
comment on view mart.strength_quantiles is 'How Strength is spread over measured LoRAs; one row per (profile_id, quantile).';
