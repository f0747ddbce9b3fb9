/* Brings the scale of LoRAs up to date from intake files (`seen`): where an older version of the checks told it, and where
   an adapter_config.json is new or changed. A copy of the file without one says nothing; of several the first by key counts.
   Where a LoRA was measured by another scale than that of now, the scale of the measurement is not known to be right. */
update core.lora
set
    alpha = told.lora.alpha,
    scale_told_by = told.lora.scale_told_by,
    stated_scale = told.lora.stated_scale,
    scale_key = told.lora.scale_key,
    is_scale_known = told.lora.is_scale_known and not (told.is_measured and told.is_changed),
    scale_detail = case
        when told.is_measured and told.is_changed then 'it was measured by another scale than what is stated now'
        else told.lora.scale_detail
    end
from (
    select
        seen.lora_id,
        seen.lora,
        exists (from core.representation as done where done.lora_id = seen.lora_id) as is_measured,
        coalesce(known.alpha, known.rank) is distinct from coalesce(seen.lora.alpha, seen.lora.rank)
        or coalesce(known.stated_scale <> seen.lora.stated_scale, false) as is_changed
    from seen
    inner join core.lora as known using (lora_id)
    where
        seen.kind = 'listing'
        and seen.lora is not null
        and (
            seen.lora.stated_scale is distinct from known.stated_scale and seen.lora.stated_scale is not null
            or coalesce(known.checks_version, 0) < seen.lora.checks_version
            and (seen.lora.stated_scale is not null or known.stated_scale is null)
        )
    qualify row_number() over (
        partition by seen.lora_id
        order by seen.lora.stated_scale is null, seen.seen_at, seen.source, seen.model_id, seen.version_id, seen.file_id
    ) = 1
) as told
where lora.lora_id = told.lora_id;
