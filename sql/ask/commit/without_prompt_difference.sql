/* Measured LoRAs of a profile that core.prompt_difference does not have. Parameter: $profile_id.
   Which ones it has is told from the paths of its files: reading its column would open one file per LoRA. */
with done as (
    select regexp_extract(data_file, 'profile_id=([^/]+)/lora_id=([^/]+)/', ['profile_id', 'lora_id']) as place
    from ducklake_list_files('carlos', 'prompt_difference', schema => 'core')
)

select lora_id
from core.representation
inner join core.profile using (profile_id)
where
    profile_id = $profile_id
    and measured = 'measured'
    and origin is distinct from 'imported'
    and lora_id not in (select url_decode(place.lora_id) from done where place.profile_id = $profile_id)
order by lora_id;
