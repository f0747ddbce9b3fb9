"""LoRA files of every kind with the weights that they mean, worked out in numpy from the papers' formulas.

Nothing here calls the code under test, LyCORIS, peft or diffusers: an element-wise definition of each kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from carlos_tasks.arrays import Doubles

Array = Doubles
Tensors = dict[str, Array]
RANK, ALPHA = 4, 2.0
FACTOR = ALPHA / RANK


@dataclass(frozen=True)
class Made:
    """The tensors of one module, by their ends of names, and the weight (or bias) that the module then has."""

    tensors: Tensors
    weight: Array
    bias: Array | None = None


def pair(rng: np.random.Generator, weight: Array, alpha: float = ALPHA, rank: int = RANK) -> Made:
    down, up = rng.normal(size=(rank, *weight.shape[1:])), rng.normal(size=(weight.shape[0], rank))
    update = np.tensordot(up, down, 1) * alpha / rank
    up = up.reshape(*up.shape, *[1] * (weight.ndim - 2))
    return Made({"lora_down.weight": down, "lora_up.weight": up, "alpha": np.array(alpha)}, weight + update)


def tucker(rng: np.random.Generator, weight: Array) -> Made:
    rows, inputs, *kernel = weight.shape
    down, up = rng.normal(size=(RANK, inputs)), rng.normal(size=(rows, RANK))
    core = rng.normal(size=(RANK, RANK, *kernel))
    update = np.einsum("op,pqhw,qi->oihw", up, core, down) * FACTOR
    tensors = {
        "lora_down.weight": down[..., None, None],
        "lora_up.weight": up[..., None, None],
        "lora_mid.weight": core,
        "alpha": np.array(ALPHA),
    }
    return Made(tensors, weight + update)


def loha(rng: np.random.Generator, weight: Array) -> Made:
    rows, width = len(weight), weight[0].size
    a = [rng.normal(size=(rows, RANK)) for _ in range(2)]
    b = [rng.normal(size=(RANK, width)) for _ in range(2)]
    update = (a[0] @ b[0]) * (a[1] @ b[1]) * FACTOR
    halves = {f"hada_w{i + 1}_{half}": part[i] for i in range(2) for half, part in (("a", a), ("b", b))}
    return Made(halves | {"alpha": np.array(ALPHA)}, weight + update.reshape(weight.shape))


def loha_tucker(rng: np.random.Generator, weight: Array) -> Made:
    rows, inputs, *kernel = weight.shape
    product = np.ones_like(weight)
    tensors: Tensors = {"alpha": np.array(ALPHA)}
    for i in (1, 2):
        core = rng.normal(size=(RANK, RANK, *kernel))
        a, b = rng.normal(size=(RANK, rows)), rng.normal(size=(RANK, inputs))
        product *= np.einsum("pqhw,po,qi->oihw", core, a, b)
        tensors |= {f"hada_t{i}": core, f"hada_w{i}_a": a, f"hada_w{i}_b": b}
    return Made(tensors, weight + product * FACTOR)


def kronecker(first: Array, second: Array) -> Array:
    """Element by element: row a·n + b, column c·m + d of the product is first[a, c] · second[b, d]."""
    rows, columns = first.shape
    product = np.einsum("ac,bd...->abcd...", first, second)
    return product.reshape(rows * second.shape[0], columns * second.shape[1], *second.shape[2:])


def lokr_whole(rng: np.random.Generator, weight: Array) -> Made:
    """Both factors whole: alpha means nothing, whatever the file says."""
    first = rng.normal(size=(8, 8))
    second = rng.normal(size=(weight.shape[0] // 8, weight.shape[1] // 8, *weight.shape[2:]))
    tensors = {"lokr_w1": first, "lokr_w2": second, "alpha": np.array(9.0)}
    return Made(tensors, weight + kronecker(first, second))


def lokr_low_rank(rng: np.random.Generator, weight: Array) -> Made:
    """The second factor of low rank, flattened over the kernel as LyCORIS writes it."""
    first = rng.normal(size=(8, 8))
    rows, inputs, kernel = weight.shape[0] // 8, weight.shape[1] // 8, weight.shape[2:]
    a, b = rng.normal(size=(rows, RANK)), rng.normal(size=(RANK, inputs * int(np.prod(kernel))))
    second = (a @ b).reshape(rows, inputs, *kernel)
    tensors = {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": np.array(ALPHA)}
    return Made(tensors, weight + kronecker(first, second) * FACTOR)


def lokr_both_low_rank(rng: np.random.Generator, weight: Array) -> Made:
    a1, b1 = rng.normal(size=(8, RANK)), rng.normal(size=(RANK, 8))
    a2, b2 = rng.normal(size=(weight.shape[0] // 8, RANK)), rng.normal(size=(RANK, weight.shape[1] // 8))
    tensors = {"lokr_w1_a": a1, "lokr_w1_b": b1, "lokr_w2_a": a2, "lokr_w2_b": b2, "alpha": np.array(ALPHA)}
    return Made(tensors, weight + kronecker(a1 @ b1, a2 @ b2) * FACTOR)


def lokr_tucker(rng: np.random.Generator, weight: Array) -> Made:
    """A core in the second factor; its halves are transposed, so that their second size is not the rank."""
    first = rng.normal(size=(8, 8))
    core = rng.normal(size=(RANK, RANK, *weight.shape[2:]))
    a, b = rng.normal(size=(RANK, weight.shape[0] // 8)), rng.normal(size=(RANK, weight.shape[1] // 8))
    second = np.einsum("pqhw,po,qi->oihw", core, a, b)
    tensors = {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b, "lokr_t2": core, "alpha": np.array(ALPHA)}
    return Made(tensors, weight + kronecker(first, second) * FACTOR)


def ia3_rows(rng: np.random.Generator, weight: Array) -> Made:
    vector = rng.normal(size=(len(weight),))
    scaled = weight * (vector + 1).reshape(-1, *[1] * (weight.ndim - 1))
    shape = (1, -1, 1, 1) if weight.ndim == 4 else (-1,)
    return Made({"weight": vector.reshape(shape), "on_input": np.array(0.0)}, scaled)


def ia3_inputs(rng: np.random.Generator, weight: Array) -> Made:
    vector = rng.normal(size=(weight.shape[1],))
    scaled = weight * (vector + 1).reshape(1, -1, *[1] * (weight.ndim - 2))
    shape = (1, -1, 1, 1) if weight.ndim == 4 else (-1,)
    return Made({"weight": vector.reshape(shape), "on_input": np.array(1.0)}, scaled)


def rotation(block: Array) -> Array:
    """Cayley's form of a rotation."""
    skew, one = block - block.T, np.eye(len(block))
    return (one + skew) @ np.linalg.inv(one - skew)


def oft(rng: np.random.Generator, weight: Array) -> Made:
    """Each block of 16 rows rotated by its own matrix."""
    blocks = 0.1 * rng.normal(size=(len(weight) // 16, 16, 16))
    turned = [
        np.tensordot(rotation(block).T, rows, 1)
        for block, rows in zip(blocks, weight.reshape(-1, 16, *weight.shape[1:]), strict=True)
    ]
    return Made({"oft_blocks": blocks, "alpha": np.array(0.0)}, np.concatenate(turned))


def oft_rescaled(rng: np.random.Generator, weight: Array) -> Made:
    """The same, with each row scaled behind its rotation, and the rotation held to a constraint."""
    blocks = rng.normal(size=(len(weight) // 16, 16, 16))
    limit = 0.01 * len(weight)
    skew = blocks - blocks.transpose(0, 2, 1)
    assert np.linalg.norm(skew) > limit
    held = blocks * limit / np.linalg.norm(skew)
    rescale = rng.normal(size=(len(weight),))
    turned = [
        np.tensordot(rotation(block).T, rows, 1)
        for block, rows in zip(held, weight.reshape(-1, 16, *weight.shape[1:]), strict=True)
    ]
    shape = (-1, *[1] * (weight.ndim - 1))
    tensors = {"oft_blocks": blocks, "rescale": rescale.reshape(shape), "alpha": np.array(0.01)}
    return Made(tensors, np.concatenate(turned) * rescale.reshape(shape))


def glora(rng: np.random.Generator, weight: Array) -> Made:
    rows, inputs, *kernel = weight.shape
    a1, a2 = rng.normal(size=(inputs, RANK)), rng.normal(size=(RANK, inputs))
    b1, b2 = rng.normal(size=(rows, RANK)), rng.normal(size=(RANK, inputs, *kernel))
    mixed = np.einsum("oi...,ir,rj->oj...", weight, a1, a2)
    update = (mixed + np.tensordot(b1, b2, 1)) * FACTOR
    ones = (1,) * len(kernel)
    tensors = {
        "a1": a1.reshape(*a1.shape, *ones),
        "a2": a2.reshape(*a2.shape, *ones),
        "b1": b1.reshape(*b1.shape, *ones),
        "b2": b2,
    }
    return Made({f"{k}.weight": v for k, v in tensors.items()} | {"alpha": np.array(ALPHA)}, weight + update)


def full(rng: np.random.Generator, weight: Array) -> Made:
    difference, bias = rng.normal(size=weight.shape), rng.normal(size=len(weight))
    return Made({"diff": difference, "diff_b": bias}, weight + difference, bias)


def pair_beside_bias(rng: np.random.Generator, weight: Array) -> Made:
    """A difference of the bias beside a pair is added as it is."""
    made, bias = pair(rng, weight), rng.normal(size=len(weight))
    return Made(made.tensors | {"diff_b": bias}, made.weight, bias)


def pair_with_bias(rng: np.random.Generator, weight: Array) -> Made:
    """PEFT's lora_bias: the up half has a bias, which is scaled as the pair is."""
    made, bias = pair(rng, weight), rng.normal(size=len(weight))
    return Made(made.tensors | {"lora_up.bias": bias}, made.weight, bias * FACTOR)


def lokr_beside_bias(rng: np.random.Generator, weight: Array) -> Made:
    made, bias = lokr_whole(rng, weight), rng.normal(size=len(weight))
    return Made(made.tensors | {"diff_b": bias}, made.weight, bias)


def dora_by_row(rng: np.random.Generator, weight: Array) -> Made:
    """Each row of W + ΔW has the stored length."""
    made = pair(rng, weight)
    scale = rng.uniform(0.5, 2.0, size=(len(weight),))
    flat = made.weight.reshape(len(weight), -1)
    shape = (-1, *[1] * (weight.ndim - 1))
    after = flat / np.linalg.norm(flat, axis=1, keepdims=True) * scale[:, None]
    return Made(made.tensors | {"dora_scale": scale.reshape(shape)}, after.reshape(weight.shape))


def dora_by_input(rng: np.random.Generator, weight: Array) -> Made:
    """Each input's values in W + ΔW, over all rows and the kernel, have the stored length."""
    made = pair(rng, weight)
    scale = rng.uniform(0.5, 2.0, size=(weight.shape[1],))
    by_input = np.moveaxis(made.weight, 1, 0).reshape(weight.shape[1], -1)
    shape = (1, -1, *[1] * (weight.ndim - 2))
    lengths = np.linalg.norm(by_input, axis=1).reshape(shape)
    after = made.weight / lengths * scale.reshape(shape)
    return Made(made.tensors | {"dora_scale": scale.reshape(shape)}, after)


def dora_of_lokr(rng: np.random.Generator, weight: Array) -> Made:
    made = lokr_whole(rng, weight)
    scale = rng.uniform(0.5, 2.0, size=(len(weight),))
    flat = made.weight.reshape(len(weight), -1)
    after = flat / np.linalg.norm(flat, axis=1, keepdims=True) * scale[:, None]
    shape = (-1, *[1] * (weight.ndim - 1))
    return Made(made.tensors | {"dora_scale": scale.reshape(shape)}, after.reshape(weight.shape))


Maker = Callable[[np.random.Generator, Array], Made]
MAKERS: Mapping[str, Maker] = {
    maker.__name__: maker
    for maker in (
        *(pair, tucker, loha, loha_tucker, lokr_whole, lokr_low_rank, lokr_both_low_rank, lokr_tucker),
        *(ia3_rows, ia3_inputs, oft, oft_rescaled, glora, full, dora_by_row, dora_by_input, dora_of_lokr),
        *(pair_beside_bias, pair_with_bias, lokr_beside_bias),
    )
}
NEEDS_KERNEL = frozenset({"tucker", "loha_tucker", "lokr_tucker"})
NOT_FOR_KERNEL = frozenset({"lokr_both_low_rank"})
