/* Brings LoRAs up to date whose facts an older version of the checks told, with those of intake files (`seen`). When a
   LoRA was first seen stays. `renew_scales` has brought its scale up to date before. */
update core.lora
set
    family = told.lora.family,
    base_model = told.lora.base_model,
    base_model_evidence = told.lora.base_model_evidence,
    rank = told.lora.rank,
    n_modules = told.lora.n_modules,
    n_modules_matched = told.lora.n_modules_matched,
    modules = told.lora.modules,
    tensors_sha256 = told.lora.tensors_sha256,
    base_model_in_metadata = told.lora.base_model_in_metadata,
    base_model_in_metadata_named = told.lora.base_model_in_metadata_named,
    license = told.lora.license,
    trigger_words = told.lora.trigger_words,
    frequent_tags = told.lora.frequent_tags,
    metadata = told.lora.metadata,
    checks_version = told.lora.checks_version
from (
    select lora_id, lora
    from seen
    where kind = 'listing' and lora_id is not null and lora is not null
    qualify row_number() over (partition by lora_id order by seen_at, source, model_id, version_id, file_id) = 1
) as told
where lora.lora_id = told.lora_id and coalesce(lora.checks_version, 0) < told.lora.checks_version;
