"""Which backbone a LoRA is for, and which of its modules."""
