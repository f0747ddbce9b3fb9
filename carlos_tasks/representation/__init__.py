"""What a LoRA's embeddings beside the baseline's come to: pairs, sums, estimates, and whether more are needed."""
