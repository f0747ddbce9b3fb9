/* Sketches of weights. Parameters: $version, $base_model. Grain: one row per lora_id that has a sketch, sorted. */
select lora_id, change_sketch, output_sketch
from core.weight_sketch
where version = $version and base_model = $base_model and reason is null
order by lora_id;
