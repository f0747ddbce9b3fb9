/* LoRAs that a profile has measured and whose ids begin with a text, the first two in their order. Parameters: $profile_id,
   $given, $words (what the profile does with trigger words). n_drawn: pairs, flagged ones too. */
select
    known.lora_id,
    lora.file_key,
    lora.trigger_words,
    core.measure_key(lora.tensors_sha256, lora.scale_key, if($words = 'ignore', [], lora.trigger_words)) as measure_key,
    lora.stated_scale,
    known.n_pairs + known.n_flagged as n_drawn
from core.representation as known
inner join core.lora as lora using (lora_id)
where
    known.profile_id = $profile_id
    and known.measured = 'measured'
    and starts_with(known.lora_id, $given)
order by known.lora_id
limit 2;
