/* Images with a LoRA that have no baseline image of the same profile, prompt and seed. Must return no rows. */
select lora.profile_id, lora.lora_id, lora.prompt_id, lora.seed
from core.embedding as lora
where
    lora.lora_id <> 'base'
    and not exists (
        from core.embedding as baseline
        where
            baseline.lora_id = 'base'
            and baseline.profile_id = lora.profile_id
            and baseline.prompt_id = lora.prompt_id
            and baseline.seed = lora.seed
    )
order by all;
