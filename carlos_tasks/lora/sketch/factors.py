"""The change of a module's weight, multiplied with a projection of its inputs: ΔW · V, and ΔW itself never formed.

Low-rank kinds give a factor of the rows and the projected other factor; the rest give the product. What needs the
base model's own weights (IA3, OFT, GLoRA) has no change that a file alone tells. The magnitudes of a DoRA need them
too and are left out: what is described of it is its low-rank change. The kinds are those of `generation.changes`.
"""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from carlos_tasks.arrays import Doubles
from carlos_tasks.lora.layout.parts import Kind
from carlos_tasks.lora.layout.tensor_layout import Module
from carlos_tasks.lora.sketch.projection import MAX_TERMS, Side, product

Parts = Mapping[str, NDArray[np.floating]]  # part (`down`, `lokr_w1` …) to its values as they are stored
#: Kinds whose change a file alone tells.
TOLD: frozenset[Kind] = frozenset({Kind.PAIR, Kind.TUCKER, Kind.LOHA, Kind.LOKR, Kind.FULL})
_AT_ONCE = 2**20  # numbers that are held in float64


class Term(NamedTuple):
    """A part of ΔW · V: `rows`.T @ `inputs`, or `inputs` alone where `rows` is None.

    Attributes:
        rows: (k, m).
        inputs: float64 (k, width), or (m, width).
    """

    rows: NDArray[np.floating] | None
    inputs: Doubles


def terms(kind: Kind, parts: Parts, side: Side) -> Iterator[Term]:
    """Yield the terms whose sum is ΔW · V before alpha / rank is applied, V the projection of a side."""
    if kind in (Kind.PAIR, Kind.TUCKER):
        up = _flat(parts["up"]).T
        down = _core(parts["mid"], parts["down"]) if "mid" in parts else _flat(parts["down"])
        for some in _slices(len(down), max(up.shape[1], down.shape[1])):
            yield Term(up[some], side.sums(down[some]))
    elif kind is Kind.LOHA:
        yield from _hadamard(parts, side)
    elif kind is Kind.LOKR:
        yield Term(None, _kronecker(_factor(parts, "lokr", 1), _factor(parts, "lokr", 2), side))
    else:
        diff = _flat(parts["diff"])
        yield Term(None, np.concatenate([side.sums(diff[some]) for some in _slices(*diff.shape)]))


def work_of(kind: Kind, module: Module) -> int:
    """About how many numbers `terms` goes through."""
    rows, fan_in, rank = module.change.rows or 1, module.change.fan_in or 1, module.change.rank or 1
    if kind is Kind.LOHA:
        other = module.shapes["hada_w1_a"]
        return rank * max(rank, min(other)) * (rows + fan_in)
    if kind in (Kind.LOKR, Kind.FULL):
        return rows * fan_in
    return rank * (rows + fan_in)


def _hadamard(parts: Parts, side: Side) -> Iterator[Term]:
    """(a1 · b1) ∘ (a2 · b2) is of rank r1 · r2: its factors are the products of the rows of each pair."""
    (rows, inputs), (other_rows, other_inputs) = (_pair(parts, number) for number in (1, 2))
    for first_rows, first_inputs in zip(rows, inputs, strict=True):
        for some in _slices(len(other_rows), max(rows.shape[1], inputs.shape[1])):
            left = _doubles(first_rows) * _doubles(other_rows[some])
            yield Term(left, side.sums(_doubles(first_inputs) * _doubles(other_inputs[some])))


def _pair(parts: Parts, number: int) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    a, b = parts[f"hada_w{number}_a"], parts[f"hada_w{number}_b"]
    core = parts.get(f"hada_t{number}")
    return (a.T, _flat(b)) if core is None else (a, _core(core, b))


def _factor(parts: Parts, prefix: str, number: int) -> Doubles:
    """A factor of a Kronecker product, whole or multiplied from its halves."""
    whole = parts.get(f"{prefix}_w{number}")
    if whole is not None:
        return _doubles(_flat(whole))
    a, b = parts[f"{prefix}_w{number}_a"], parts[f"{prefix}_w{number}_b"]
    core = parts.get(f"{prefix}_t{number}")
    if core is None:
        return product(_doubles(a), _doubles(_flat(b)))
    return product(_doubles(a).T, _core(core, b))


def _kronecker(first: Doubles, second: Doubles, side: Side) -> Doubles:
    """(first ⊗ second) · V: the second factor is projected at each place where it stands, then the places are mixed."""
    (n_rows, n_places), (height, width) = first.shape, second.shape
    mixed = np.empty((n_rows, height, side.width))
    for some in _slices(height, n_places * side.width):
        projected = np.stack([side.sums(second[some], place * width) for place in range(n_places)])
        mixed[:, some] = _long_product(first, projected.reshape(n_places, -1)).reshape(n_rows, -1, side.width)
    return mixed.reshape(-1, side.width)


def _long_product(left: Doubles, right: Doubles) -> Doubles:
    starts = range(0, len(right), MAX_TERMS)
    parts = [product(left[:, start : start + MAX_TERMS], right[start : start + MAX_TERMS]) for start in starts]
    return parts[0] if len(parts) == 1 else np.add.reduce(parts)


def _core(core: NDArray[np.floating], inputs: NDArray[np.floating]) -> Doubles:
    """A core [i, j, kernel …] times the inputs' factor [j, n]: float64 (i, n · kernel), as a weight is flattened."""
    i, j = core.shape[:2]
    kernel = math.prod(core.shape[2:])
    cores = _doubles(core).reshape(i, j, kernel).transpose(0, 2, 1).reshape(-1, j)
    mixed = product(cores, _doubles(_flat(inputs)))
    return mixed.reshape(i, kernel, -1).transpose(0, 2, 1).reshape(i, -1)


def _slices(n: int, width: int) -> Iterator[slice]:
    step = min(MAX_TERMS, max(1, _AT_ONCE // max(1, width)))
    return (slice(start, start + step) for start in range(0, n, step))


def _flat(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return values.reshape(len(values), -1)


def _doubles(values: NDArray[np.floating]) -> Doubles:
    return values.astype(np.float64)
