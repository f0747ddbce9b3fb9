"""The GPU task: from a LoRA file to embedding shards, evidence images and an outcome."""
