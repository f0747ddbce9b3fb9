/* How Consistency is spread over the measured LoRAs. Grain: one row per (profile_id, quantile), as mart.measure_quantiles. */
create or replace view mart.consistency_quantiles as
select profile_id, quantile, value, n
from mart.measure_quantiles
where measure = 'consistency';
comment on view mart.consistency_quantiles is 'How Consistency is spread over measured LoRAs; one row per (profile_id, quantile).';
