"""By what a LoRA's weights are multiplied: where that is stated, which statement counts, and whether it is known."""
