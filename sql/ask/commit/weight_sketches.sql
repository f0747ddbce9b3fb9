/* Sketches that are compared with. Parameters: $base_model, $version, $left_out: ids that are not wanted.
   Grain: one row per lora_id that has a sketch, in any order. */
select lora_id, change_sketch, output_sketch
from core.weight_sketch
where
    base_model = $base_model
    and version = $version
    and reason is null
    and not list_contains($left_out::varchar[], lora_id);
