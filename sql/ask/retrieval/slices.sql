/* Ids that cut the LoRAs in memory (`read`, as in searchable.sql) into as many parts as there are shares and one:
   the id below which each of the shares lies. Parameter: $shares, from 0 to 1, rising. Grain: one row. */
select coalesce(quantile_disc(lora_id, $shares::double[]), []) as edges
from read;
