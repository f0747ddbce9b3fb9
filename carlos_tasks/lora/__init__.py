"""What a LoRA file is: header checks, key families, base model, intake and quarantine.

A file goes through `header` (is it safetensors, and sound), `layout` (what each tensor name says), `families`
(which trainer wrote it, can it be loaded), `base_model` (for which backbone), all from the header: no tensor
is read. `check` puts them together for one file, `intake` for one shard of a source.
"""
