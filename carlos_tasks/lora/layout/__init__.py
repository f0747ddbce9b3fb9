"""How a LoRA's tensors are named and shaped: styles of names, parts of a module, the layout of a file."""
