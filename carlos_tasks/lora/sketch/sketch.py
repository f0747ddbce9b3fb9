"""A description of 16 KB of what a LoRA adds to each weight, by which LoRAs of one base model are compared.

Two vectors of 8,192 signed bytes, each summed over the modules m of a file, with U, U' and V random projections that
depend on the module alone:

- `change`: Σ Uᵀ ΔW V, with ΔW scaled by alpha / rank. Cosines of it estimate those of the weight changes themselves,
  without bias and with a standard error of 1/√8192 = .011. A copy, a rescaled copy or a merge shows here.
- `output`: Σ Uᵀ ΔW V Vᵀ ΔWᵀ U' / its length: what a module's change does to its outputs, each module weighing the same.
  Two trainings of the same effect start from different random inputs and agree in little else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from carlos_tasks.arrays import Doubles
from carlos_tasks.lora.backbones.architecture import Slot, Target, load_architectures
from carlos_tasks.lora.container.header import Header, read_header
from carlos_tasks.lora.layout.parts import BIASES, Kind
from carlos_tasks.lora.layout.tensor_layout import Module
from carlos_tasks.lora.scale.alphas import factor_of
from carlos_tasks.lora.scale.tell import ModuleScales
from carlos_tasks.lora.sketch.factors import TOLD, terms, work_of
from carlos_tasks.lora.sketch.projection import as_bytes, length, product, side_of
from carlos_tasks.lora.sketch.stored import StoredTensors

#: Raise it when a change of the arithmetic changes a sketch: those of another version are not compared, and made anew.
VERSION = 1
ROWS, OTHER_ROWS, INPUTS = 64, 128, 128
#: Numbers of each of the two vectors.
SIZE = ROWS * INPUTS
_MAX_WORK = 2**32  # about 20 s; a LoRA of rank 128 on all of SDXL has a tenth of it
_MAX_VALUES = 2**25  # of one tensor


class WithoutSketch(StrEnum):
    """Why a file has no sketch."""

    NEEDS_BASE_WEIGHTS = "needs_base_weights"  # IA3, OFT, GLoRA change a weight by what it is
    NO_LAYER = "no_layer"  # norms and biases only
    NOT_MATCHED = "not_matched"  # its modules are not those of a backbone that is known here
    NO_CHANGE = "no_change"  # every change is zero
    NOT_FINITE = "not_finite"  # numbers too large to be multiplied
    TOO_LARGE = "too_large"
    NO_FILE = "no_file"  # its bytes are not in the store
    FILE_CHANGED = "file_changed"  # nor those that lie in their place


@dataclass(frozen=True)
class Sketch:
    """What the weights of one file say, or why they say nothing.

    Attributes:
        base_model: sketches are compared within one.
        reason: null where there is a sketch.
        n_modules: layers that it describes.
        change_norm: estimated Frobenius norm of all changes together, about 1 % off.
        change: `SIZE` signed bytes, in proportion.
        output: the same.
    """

    base_model: str
    reason: WithoutSketch | None = None
    n_modules: int = 0
    change_norm: float = 0.0
    change: bytes = b""
    output: bytes = b""


def sketch_file(path: Path, base_model: str, stated_scale: str | None = None) -> Sketch:
    """Describe the weights of a file that passed every check.

    Args:
        path: a local copy. base_model: as the checks told it.
        stated_scale: what an adapter_config.json beside the file says of its scale.
    """
    header = read_header(path)
    modules = header.layout.modules
    targets = _targets(modules, base_model)
    if targets is None:
        return Sketch(base_model, WithoutSketch.NOT_MATCHED)
    if any(module.change.kind not in TOLD for module in modules.values()):
        return Sketch(base_model, WithoutSketch.NEEDS_BASE_WEIGHTS)
    layers = {name: module for name, module in modules.items() if _is_told(module, targets[name])}
    work = sum(work_of(module.change.kind, module) * len(targets[name].slots) for name, module in layers.items())
    largest = max((np.prod(shape) for module in layers.values() for shape in module.shapes.values()), default=0)
    if work > _MAX_WORK or largest > _MAX_VALUES:
        return Sketch(base_model, WithoutSketch.TOO_LARGE)
    if not layers:
        return Sketch(base_model, WithoutSketch.NO_LAYER)
    with np.errstate(all="ignore"):
        return _sketched(_File(header, path, stated_scale), base_model, layers, targets)


def _targets(modules: Mapping[str, Module], base_model: str) -> dict[str, Target] | None:
    """The backbone's modules that those of the file are for; None where not all are of one backbone."""
    for architecture in load_architectures(base_model):
        found = {name: architecture.fit(name, module) for name, module in modules.items()}
        told = {name: target for name, target in found.items() if target is not None}
        if len(told) == len(found):
            return told
    return None


def _is_told(module: Module, target: Target) -> bool:
    is_layer = all(slot.is_layer for slot in target.slots)
    return is_layer and (module.change.kind is not Kind.FULL or "diff" in module.shapes)


class _File:
    """The tensors and scales of one file."""

    def __init__(self, header: Header, path: Path, stated_scale: str | None) -> None:
        self.tensors = StoredTensors(header, path)
        self.scales = ModuleScales(header, path, stated_scale)

    def factor(self, name: str, module: Module, target: Target) -> float:
        """By what a module's product is multiplied: two whole Kronecker factors and a difference are as they stand."""
        is_whole = {"lokr_w1", "lokr_w2"} <= module.shapes.keys() or module.change.kind is Kind.FULL
        rank = module.change.rank
        if is_whole or rank is None:
            return 1.0
        names = tuple(slot.module for slot in target.slots)
        return factor_of(self.scales.alpha(name, names, target.slots[0].component), rank)


def _sketched(file: _File, base_model: str, layers: dict[str, Module], targets: dict[str, Target]) -> Sketch:
    change, output = np.zeros((ROWS, INPUTS)), np.zeros((ROWS, OTHER_ROWS))
    # In the backbone's order, whatever the file's: sums of rounded numbers depend on it.
    for name in sorted(layers, key=lambda name: _key(targets[name].slots[0])):
        module, target = layers[name], targets[name]
        unread = {"alpha", "scale", "magnitude", *BIASES}
        parts = {part: file.tensors.read(name, part) for part in module.shapes if part not in unread}
        factor = file.factor(name, module, target)
        first = 0
        for slot in target.slots:
            rows = np.arange(first, first + slot.shape[0])
            if target.has_swapped_halves:
                rows = np.roll(rows, slot.shape[0] // 2)
            first += slot.shape[0]
            ours, others = _projected(module, parts, slot, rows)
            change += factor * ours
            effect = product(ours, others.T)
            own = length(effect)
            output += effect / own if own else 0.0
    if not (np.isfinite(change).all() and np.isfinite(output).all()):
        return Sketch(base_model, WithoutSketch.NOT_FINITE)
    if not change.any() or not output.any():
        return Sketch(base_model, WithoutSketch.NO_CHANGE)
    return Sketch(base_model, None, len(layers), length(change), as_bytes(change), as_bytes(output))


def _projected(module: Module, parts: dict[str, np.ndarray], slot: Slot, rows: np.ndarray) -> tuple[Doubles, Doubles]:
    """Uᵀ ΔW V and U'ᵀ ΔW V of the rows that are for one module of the backbone: float64 (64, 128), (128, 128)."""
    key = _key(slot)
    inputs = side_of(f"{key}/inputs", slot.fan_in, INPUTS)
    sides = [side_of(f"{key}/rows/{width}", len(rows), width) for width in (ROWS, OTHER_ROWS)]
    found = [np.zeros((side.width, INPUTS)) for side in sides]
    for term in terms(module.change.kind, parts, inputs):
        for side, projected in zip(sides, found, strict=True):
            if term.rows is None:
                projected += side.sums(term.inputs[rows].T).T
            else:
                projected += product(side.sums(term.rows[:, rows]).T, term.inputs)
    return found[0], found[1]


def _key(slot: Slot) -> str:
    """What the projections of a module follow from."""
    return f"carlos weights {VERSION}/{slot.component}/{slot.module}/{slot.shape[0]}x{slot.fan_in}"
