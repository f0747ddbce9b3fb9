/* LoRAs that differ in their metadata only: other bytes, so another lora_id, and the same weights under the same names.
   Grain: one row per tensors_sha256 that several LoRAs share; `lora_ids` has the first seen first. */
create or replace view mart.same_weights as
select
    tensors_sha256,
    count(*) as n_loras,
    list(lora_id order by first_seen_at, lora_id) as lora_ids,
    list(listing.name order by first_seen_at, lora_id) as names,
    min(first_seen_at) as first_seen_at
from core.lora
left join mart.lora_listing as listing using (lora_id)
where tensors_sha256 is not null
group by tensors_sha256
having count(*) > 1;
comment on view mart.same_weights is 'LoRAs that differ in metadata only; one row per tensors_sha256 that several share.';
