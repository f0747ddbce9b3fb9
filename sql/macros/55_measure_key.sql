/* measure_key(tensors, header, words): what fixes a LoRA's images beside the profile, as a hash: two LoRAs with one key draw
   the same pictures. tensors: core.lora.tensors_sha256; without it there is no key. header: core.lora.metadata, of which
   only the alphas that diffusers states there change the weights. words: the trigger words, in order, as the profile uses
   them. */
create or replace macro core.measure_key(tensors, header, words) as
    case
        when tensors is not null
            then sha256(
                to_json({
                    'tensors': tensors,
                    'scale': header ->> '$.lora_adapter_metadata',
                    'words': coalesce(words, [])
                })::varchar
            )
    end;
