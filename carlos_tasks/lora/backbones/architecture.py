"""The modules of each backbone, with the shapes of their weights: which of them a LoRA file is for.

diffusers passes over tensors that match no module with no more than a warning, so the match is decided here, from the
header alone and before anything is loaded. The shapes stand in data files beside this module, one line a module;
`architecture_data` writes them from the models' own classes.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from carlos_tasks.lora.backbones.base_model import FLUX, MICRO_XL, QWEN_IMAGE, SD3, SD15, SD21, SDXL
from carlos_tasks.lora.backbones.loading import why_not_loaded
from carlos_tasks.lora.backbones.module_names import fused_names, names_of
from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.families import Family
from carlos_tasks.lora.layout.parts import Kind
from carlos_tasks.lora.layout.tensor_layout import Module
from carlos_tasks.untrusted.reasons import Reason

FOLDER = Path(__file__).parents[1] / "architectures"
# Backbones that share one name here and differ in depth or width
DATA_FILES: Mapping[str, tuple[str, ...]] = {
    MICRO_XL: ("micro-xl",),
    SD15: ("sd-1.5",),
    SD21: ("sd-2.1",),
    SDXL: ("sdxl",),
    SD3: ("sd-3-medium", "sd-3.5-medium", "sd-3.5-large"),
    FLUX: ("flux",),
    QWEN_IMAGE: ("qwen-image",),
}


@dataclass(frozen=True)
class Slot:
    """One module of a backbone: its component, its dotted path there, the shape of its weight."""

    component: str
    module: str
    shape: tuple[int, ...]
    has_bias: bool

    @cached_property
    def fan_in(self) -> int:
        """Values of one row of the weight."""
        return math.prod(self.shape[1:])


@dataclass(frozen=True)
class ModuleFinding:
    """How many modules of a file are for modules of its backbone, and why it cannot be loaded.

    `n_matched` is None where the backbone's architecture is not known here.
    """

    n_matched: int | None
    fault: tuple[Reason, str] | None


class Architecture:
    """The modules of one backbone, found by any name that a file may use."""

    def __init__(self, base_model: str, slots: tuple[Slot, ...]) -> None:
        self.base_model = base_model
        self.slots = slots
        self._by_name: dict[str, tuple[Slot, ...]] = {
            name: (slot,) for slot in slots for name in names_of(base_model, slot.component, slot.module)
        }
        transformer = {slot.module: slot for slot in slots if slot.component == "transformer"}
        for names, modules in fused_names(base_model):
            if all(module in transformer for module in modules):
                fused = tuple(transformer[module] for module in modules)
                self._by_name.update(dict.fromkeys(names, fused))

    def find(self, name: str) -> tuple[Slot, ...]:
        """Return the modules that a file's module name means: none, one, or several whose rows follow each other."""
        return self._by_name.get(name, ())

    def fit(self, name: str, module: Module) -> tuple[Slot, ...]:
        """Return the modules as `find` does, and none where the tensors do not have their size."""
        slots = self._by_name.get(name, ())
        return slots if slots and _fits(module, slots) else ()


def match_modules(header: Header, family: Family, base_model: str) -> ModuleFinding:
    """Match the modules of a file with those of its backbone.

    Args:
        header: checked. family, base_model: as `tell_family` and `tell_base_model` tell them.
    """
    modules = header.layout.modules
    refusal = why_not_loaded(family, base_model)
    architectures = load_architectures(base_model)
    if not architectures or not modules:
        return ModuleFinding(None, refusal)
    matches = [_match(architecture, modules) for architecture in architectures]
    best = max(range(len(matches)), key=lambda number: sum(map(bool, matches[number].values())))
    n_matched = sum(map(bool, matches[best].values()))
    return ModuleFinding(n_matched, refusal or _fault_of(matches[best], n_matched, architectures[best]))


@cache
def load_architectures(base_model: str) -> tuple[Architecture, ...]:
    """Return the backbones of this name; none for a backbone whose architecture is not known here."""
    return tuple(
        Architecture(base_model, read_slots(FOLDER / f"{name}.json")) for name in DATA_FILES.get(base_model, ())
    )


def read_slots(path: Path) -> tuple[Slot, ...]:
    """Read a data file: {component: {module: "320x4x3x3 bias"}}."""
    slots = []
    for component, modules in json.loads(path.read_text(encoding="utf-8")).items():
        for module, words in modules.items():
            sizes, _, bias = words.partition(" ")
            slots.append(Slot(component, module, tuple(map(int, sizes.split("x"))), bias == "bias"))
    return tuple(slots)


Matches = Mapping[str, tuple[Slot, ...]]


def _match(architecture: Architecture, modules: Mapping[str, Module]) -> Matches:
    return {name: architecture.fit(name, module) for name, module in modules.items()}


def _fits(module: Module, slots: tuple[Slot, ...]) -> bool:
    change, shapes = module.change, module.shapes
    if len(slots[0].shape) < 2 and change.kind is not Kind.FULL:
        return False  # a norm
    if len(slots) == 1 and change.kind is Kind.PAIR:  # nearly all modules of nearly all files
        return change.rows == slots[0].shape[0] and change.fan_in == slots[0].fan_in
    rows, fan_in = sum(slot.shape[0] for slot in slots), slots[0].fan_in
    if any(slot.fan_in != fan_in for slot in slots) or change.rows not in (None, rows):
        return False
    if change.kind is Kind.IA3:
        return math.prod(shapes.get("weight", ())) in (rows, slots[0].shape[1])
    has_bias = all(slot.has_bias for slot in slots)
    if any(part in shapes and (not has_bias or math.prod(shapes[part]) != rows) for part in ("diff_b", "b_norm")):
        return False
    return change.fan_in in (None, fan_in)


def _fault_of(matches: Matches, n_matched: int, architecture: Architecture) -> tuple[Reason, str] | None:
    example = next((name for name, slots in matches.items() if not slots), None)
    if example is not None:
        why = "has tensors of another size" if architecture.find(example) else "is none"
        words = (
            f"{n_matched} of {len(matches)} modules are modules of {architecture.base_model}; {example[:80]!r} {why}"
        )
        return (Reason.MODULES_UNMATCHED if n_matched else Reason.NO_MODULE_MATCHES), words
    taken: dict[Slot, str] = {}
    for name, slots in matches.items():
        for slot in slots:
            if (other := taken.setdefault(slot, name)) != name:
                return Reason.MIXED_LAYOUT, f"{other[:80]!r} and {name[:80]!r} are for one module"
    return None
