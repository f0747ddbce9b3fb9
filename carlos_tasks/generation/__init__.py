"""Images with and without a LoRA: load the backbone, attach the LoRA, sample."""
