"""Compute a LoRA of any kind into the backbone's weights, and put the bare weights back afterwards, bit for bit.

The arithmetic is float32; a backbone in half precision rounds the result, as merging always does.

The bare values stay in `_BARE` until they are back in their parameters. A time-out or Ctrl-C can end `merged` while it
puts them back; `restore_bare`, which comes before anything is drawn, then puts back the rest.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from carlos_tasks.errors import IndexingFailed
from carlos_tasks.generation.changes import Weights, changed_weights
from carlos_tasks.generation.matched import MatchedFile, MatchedModule, swapped_halves

_BARE: list[tuple[Any, Any]] = []
"""Each parameter that was changed, with its bare values on the CPU."""
_LENT: list[Any] = []
"""Layers that have a bias for as long as the LoRA is merged."""


@contextmanager
def merged(pipeline: Any, file: MatchedFile, scale: float) -> Iterator[int]:
    """Merge the matched modules of a file into the weights; yields the number of modules changed.

    One at a time: what another one left merged is put back first.

    Args:
        scale: multiplies the difference that each module makes at scale 1.

    Raises:
        IndexingFailed: `load_failed`, where the arithmetic fails on the file's tensors.
    """
    import torch

    restore_bare()
    try:
        try:
            with torch.no_grad():
                for module, parts in file.tensors():
                    layers = [getattr(pipeline, slot.component).get_submodule(slot.module) for slot in module.slots]
                    if module.change.has_bias:
                        _lend_biases(layers)
                    for parameter, values in _merge(layers, module, parts, file.alpha(module), scale):
                        _BARE.append((parameter, parameter.detach().to("cpu", copy=True)))
                        parameter.copy_(values)
        except torch.OutOfMemoryError:
            raise  # the device's fault, not the file's
        except (ValueError, RuntimeError, TypeError) as exc:
            raise IndexingFailed("load_failed", f"cannot be merged: {type(exc).__name__}: {exc}"[:500]) from exc
        yield len(file.modules)
    finally:
        restore_bare()


def restore_bare() -> None:
    """Put back what is merged, the last change first; interrupted and called again, it goes on where it was."""
    if not (_BARE or _LENT):
        return
    import torch

    with torch.no_grad():
        while _BARE:
            parameter, values = _BARE[-1]
            parameter.copy_(values)
            _BARE.pop()
    while _LENT:
        _LENT[-1].bias = None
        _LENT.pop()


def _lend_biases(layers: list[Any]) -> None:
    """Give each layer without a bias one of zeros."""
    import torch

    for layer in layers:
        if layer.bias is None:
            _LENT.append(layer)
            layer.bias = torch.nn.Parameter(layer.weight.new_zeros(len(layer.weight)), requires_grad=False)


def _merge(
    layers: list[Any], module: MatchedModule, parts: dict[str, Any], alpha: float | None, scale: float
) -> list[tuple[Any, Any]]:
    """Return the parameters of the layers that change, each with its new values in float32."""
    import torch

    weight = torch.cat([layer.weight.float() for layer in layers])
    biases = [layer.bias for layer in layers if layer.bias is not None] if hasattr(layers[0], "bias") else []
    bias = torch.cat([value.float() for value in biases]) if biases else None
    on_device = {part: tensor.to(weight.device, torch.float32) for part, tensor in parts.items()}
    before = Weights(weight, bias)
    if module.has_swapped_halves:
        after = _swapped(changed_weights(_swapped(before), module.change, on_device, alpha))
    else:
        after = changed_weights(before, module.change, on_device, alpha)
    rows = [len(layer.weight) for layer in layers]
    weights = (weight + scale * (after.weight - weight)).split(rows)
    changes = [(layer.weight, values) for layer, values in zip(layers, weights, strict=True)]
    if after.bias is not None and module.change.has_bias:
        changes += zip(biases, (bias + scale * (after.bias - bias)).split(rows), strict=True)
    return changes


def _swapped(weights: Weights) -> Weights:
    return Weights(swapped_halves(weights.weight), None if weights.bias is None else swapped_halves(weights.bias))
