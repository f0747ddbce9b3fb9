"""The weight that a module has with a LoRA at scale 1, for every kind of change that the checks let through.

The formulas are those of LyCORIS, through its functional interface. Its module classes are not used: loaded from a
file, LoHa's applies alpha / rank twice, and a DoRA scale of one value per input is read as one value per row. Nor is
its rule for other scales than 1: it would leave a DoRA half applied at scale 0. Here the difference to the bare
weight is taken at scale 1 and multiplied by the scale, for every kind alike.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from carlos_tasks.lora.layout.parts import BIASES, Change, Kind
from carlos_tasks.lora.scale.alphas import factor_of

Parts = Mapping[str, Any]  # part (`down`, `lokr_w1` …) to torch float32


class Weights(NamedTuple):
    """Weight and bias of a module, torch float32; the bias is None where the module has none."""

    weight: Any
    bias: Any


def changed_weights(before: Weights, change: Change, parts: Parts, alpha: float | None) -> Weights:
    """Return the weights that a module has with its part of a LoRA, at scale 1.

    Args:
        before: the bare ones.
        change: what `parts` are, checked to be whole and of the module's size.
        alpha: the file's, or None; 0 means the rank, as in kohya's trainer and LyCORIS.
    """
    weight = _COMPUTE[change.kind](before.weight, parts, alpha, change.rank or 1)
    if change.has_dora:
        weight = _with_magnitude(weight, parts)
    return Weights(weight, _changed_bias(before.bias, change, parts, alpha))


def _add_pair(weight: Any, parts: Parts, alpha: float | None, rank: int) -> Any:
    from lycoris.functional.locon import diff_weight

    factors = (parts["down"], parts["up"], parts.get("mid"))
    return weight + diff_weight(*factors, gamma=factor_of(alpha, rank), backend="torch").reshape(weight.shape)


def _add_loha(weight: Any, parts: Parts, alpha: float | None, rank: int) -> Any:
    import torch
    from lycoris.functional.loha import diff_weight

    names = ("w1_b", "w1_a", "w2_b", "w2_a", "t1", "t2")
    gamma = torch.tensor(factor_of(alpha, rank), device=weight.device)
    factors = (parts.get(f"hada_{name}") for name in names)
    return weight + diff_weight(*factors, gamma=gamma, backend="torch").reshape(weight.shape)


def _add_lokr(weight: Any, parts: Parts, alpha: float | None, rank: int) -> Any:
    """Alpha counts only where a factor is of low rank: with two whole factors there is no rank to divide it by."""
    from lycoris.functional.lokr import kron_weight

    names = ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b", "t2")
    is_whole = "lokr_w1" in parts and "lokr_w2" in parts
    factors = (parts.get(f"lokr_{name}") for name in names)
    scale = 1.0 if is_whole else factor_of(alpha, rank)
    return weight + kron_weight(*factors, scale=scale, backend="torch").reshape(weight.shape)


def _scale_channels(weight: Any, parts: Parts, alpha: float | None, rank: int) -> Any:
    """IA3: W · (1 + vector), along the inputs or along the rows."""
    axis = 1 if parts["on_input"].item() else 0
    shape = [1] * weight.ndim
    shape[axis] = weight.shape[axis]
    return weight * (1 + parts["weight"].reshape(shape))


def _rotate(weight: Any, parts: Parts, alpha: float | None, rank: int) -> Any:
    """OFT, whose alpha is the constraint on the rotation, for one row."""
    from lycoris.functional.diag_oft import diff_weight

    factors = (parts["oft_blocks"], _rescale(weight, parts))
    return weight + diff_weight(weight, *factors, constraint=(alpha or 0) * weight.shape[0], backend="torch")


def _rotate_in_stages(weight: Any, parts: Parts, alpha: float | None, rank: int) -> Any:
    from lycoris.functional.boft import diff_weight

    factors = (parts["oft_blocks"], _rescale(weight, parts))
    return weight + diff_weight(weight, *factors, constraint=(alpha or 0) * weight.shape[0], backend="torch")


def _rescale(weight: Any, parts: Parts) -> Any:
    return parts["rescale"].reshape(-1, *[1] * (weight.ndim - 1)) if "rescale" in parts else None


def _add_glora(weight: Any, parts: Parts, alpha: float | None, rank: int) -> Any:
    """W + (W · a1 · a2 + b1 · b2) · alpha / rank, where a1 and a2 mix the inputs of W."""
    import torch

    a1, a2, b1, b2 = (parts[name].flatten(1) for name in ("a1", "a2", "b1", "b2"))
    mixed = torch.einsum("oi...,ij->oj...", weight, a1 @ a2)
    return weight + (mixed + (b1 @ b2).reshape(weight.shape)) * factor_of(alpha, rank)


def _add_full(weight: Any, parts: Parts, alpha: float | None, rank: int) -> Any:
    for name in ("diff", "w_norm"):
        weight = weight + parts[name].reshape(weight.shape) if name in parts else weight
    return weight


def _changed_bias(bias: Any, change: Change, parts: Parts, alpha: float | None) -> Any:
    """A difference is added as it is; the bias of an up half is part of the pair, and is scaled as the pair is."""
    for name in BIASES:
        if name in parts:
            factor = factor_of(alpha, change.rank or 1) if name == "up_bias" else 1.0
            bias = bias + factor * parts[name].reshape(bias.shape)
    return bias


def _with_magnitude(weight: Any, parts: Parts) -> Any:
    """DoRA: the direction of W + ΔW with the stored length, for each row or (a scale of [1, inputs …]) each input."""
    from lycoris.functional.general import weight_decompose

    if "scale" not in parts or parts["scale"].ndim == 1 or parts["scale"].shape[0] == weight.shape[0]:
        scale = parts.get("scale", parts.get("magnitude")).reshape(-1, *[1] * (weight.ndim - 1))
        return weight_decompose(weight, scale, wd_on_out=True, backend="torch")
    scale = parts["scale"].reshape(1, -1, *[1] * (weight.ndim - 2))
    return weight_decompose(weight, scale, wd_on_out=False, backend="torch")


_COMPUTE: Mapping[Kind, Callable[[Any, Parts, float | None, int], Any]] = {
    Kind.PAIR: _add_pair,
    Kind.TUCKER: _add_pair,
    Kind.LOHA: _add_loha,
    Kind.LOKR: _add_lokr,
    Kind.IA3: _scale_channels,
    Kind.OFT: _rotate,
    Kind.BOFT: _rotate_in_stages,
    Kind.GLORA: _add_glora,
    Kind.FULL: _add_full,
}
