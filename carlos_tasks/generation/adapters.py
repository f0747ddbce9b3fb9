"""Attach plain LoRA pairs of any trainer's naming, through diffusers, under names that it cannot misread.

Given as they are, kohya's files lose the alphas of attention layers whose alpha differs from the most frequent one
(diffusers 0.42 states their names in a form that peft then ignores), files with two spellings in one component lose
whole layers, and others raise. So every pair is renamed to PEFT's form of the backbone's own name, and alpha / rank
goes into the scale of its layer.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from carlos_tasks.errors import IndexingFailed
from carlos_tasks.generation.matched import MatchedFile, swapped_halves
from carlos_tasks.lora.backbones.architecture import Slot
from carlos_tasks.lora.scale.alphas import factor_of

ADAPTER = "carlos"


@contextmanager
def adapted(pipeline: Any, file: MatchedFile, scale: float) -> Iterator[int]:
    """Attach the matched modules of a file beside the backbone's weights; yields the number of them that took hold.

    Raises:
        IndexingFailed: `load_failed`, where diffusers refuses what it is given.
    """
    pairs, factors = rename_pairs(file)
    # It warns of every text encoder that a UNet-only LoRA leaves alone; the layers below are what tells.
    logging.getLogger("diffusers.loaders").setLevel(logging.ERROR)
    try:
        try:
            pipeline.load_lora_weights(pairs, adapter_name=ADAPTER)
        except (ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError) as exc:
            raise IndexingFailed(
                "load_failed", f"diffusers refuses the file: {type(exc).__name__}: {exc}"[:500]
            ) from exc
        layers = {slot: _layer_at(pipeline, slot) for slot in factors}
        for slot, layer in layers.items():
            if layer is not None:
                layer.set_scale(ADAPTER, scale * factors[slot])
        yield sum(all(layers[slot] is not None for slot in module.slots) for module in file.modules)
    finally:
        pipeline.unload_lora_weights()


def rename_pairs(file: MatchedFile) -> tuple[dict[str, Any], dict[Slot, float]]:
    """Return the pairs of a file under PEFT's names, and alpha / rank of each module.

    A pair for several modules at once (the original FLUX names) is shared out: the rows of its up half. Some trainers
    write a linear layer's pair as a 1 × 1 convolution, or the reverse; it gets its module's form.
    """
    pairs: dict[str, Any] = {}
    factors: dict[Slot, float] = {}
    for module, parts in file.tensors():
        down, up_rows = _as_one_dtype(parts["down"], parts["up"])
        if module.has_swapped_halves:
            up_rows = swapped_halves(up_rows)
        ups = up_rows.split([slot.shape[0] for slot in module.slots])
        for slot, up in zip(module.slots, ups, strict=True):
            name = f"{slot.component}.{slot.module}"
            pairs[f"{name}.lora_A.weight"] = down.reshape(len(down), *slot.shape[1:]).contiguous()
            pairs[f"{name}.lora_B.weight"] = up.reshape(*up.shape[:2], *[1] * (len(slot.shape) - 2)).contiguous()
            factors[slot] = factor_of(file.alpha(module), len(down))
    return pairs, factors


def _as_one_dtype(down: Any, up: Any) -> tuple[Any, Any]:
    """Layers compute in the type of their halves, which must be one, and one that torch multiplies on every device."""
    import torch

    dtype = down.dtype if down.dtype == up.dtype else torch.float32
    dtype = dtype if dtype in (torch.float16, torch.bfloat16) else torch.float32
    return down.to(dtype), up.to(dtype)


def _layer_at(pipeline: Any, slot: Slot) -> Any:
    """Return the LoRA layer at a module, or None where there is none of ours."""
    from peft.tuners.lora import LoraLayer

    layer = getattr(pipeline, slot.component).get_submodule(slot.module)
    return layer if isinstance(layer, LoraLayer) and ADAPTER in layer.active_adapters else None
