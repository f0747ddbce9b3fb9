"""What the weights of a LoRA say before any picture: a description of 16 KB by which files are compared.

`sketch` makes it of a checked file, `factors` computes each kind of change in projected form, and `projection` holds
the arithmetic, which gives the same bits on every machine.
"""
