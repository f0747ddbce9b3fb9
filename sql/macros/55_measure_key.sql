/* measure_key(tensors, scale, words): what fixes a LoRA's images beside the profile, as a hash: two LoRAs with one key draw
   the same pictures. tensors: core.lora.tensors_sha256; scale: core.lora.scale_key; without both there is no key. words: the trigger words, in order, as the profile uses
   them. */
create or replace macro core.measure_key(tensors, scale, words) as
    case
        when tensors is not null and scale is not null
            then sha256(
                to_json({
                    'tensors': tensors,
                    'scale': scale,
                    'words': coalesce(words, [])
                })::varchar
            )
    end;
