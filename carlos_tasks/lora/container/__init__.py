"""The safetensors container: header, tensor table and weights, read with limits."""
