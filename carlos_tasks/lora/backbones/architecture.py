"""The modules of each backbone, with the shapes of their weights: which of them a LoRA file is for.

diffusers passes over tensors that match no module with no more than a warning, so the match is decided here, from the
header alone and before anything is loaded. The shapes stand in data files (`lora/architectures`), one line a module;
`architecture_data` writes them from the models' own classes.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

from carlos_tasks.lora.backbones.file_names import read_name
from carlos_tasks.lora.backbones.known import DATA_FILES, UNKNOWN
from carlos_tasks.lora.backbones.loading import why_not_loaded
from carlos_tasks.lora.backbones.module_names import cores_of, original_transformer_names, original_unet_names
from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.families import Family
from carlos_tasks.lora.layout.parts import Kind
from carlos_tasks.lora.layout.tensor_layout import Module, Size
from carlos_tasks.untrusted.reasons import Reason

FOLDER = Path(__file__).parents[1] / "architectures"


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

    @cached_property
    def is_layer(self) -> bool:
        """Whether it is a linear layer or a convolution, not a norm."""
        return len(self.shape) > 1


@dataclass(frozen=True)
class Target:
    """The modules that one name means: one, or several whose rows follow each other in an original layer.

    `has_swapped_halves`: the original layer has the two halves of its rows the other way round.
    """

    slots: tuple[Slot, ...]
    has_swapped_halves: bool = False


@dataclass(frozen=True)
class ModuleFinding:
    """How many modules of a file are for modules of its backbone, and why it cannot be loaded.

    `n_matched` is None where the backbone's architecture is not known here.
    """

    n_matched: int | None
    fault: tuple[Reason, str] | None


class Architecture:
    """The modules of one backbone, found by any name that a file may use."""

    def __init__(self, slots: Iterable[Slot], base_model: str = UNKNOWN) -> None:
        self.base_model = base_model
        self.slots = tuple(slots)
        # Of this backbone alone: one cache for all would keep those that a worker has made of its pipeline.
        self._fit = lru_cache(maxsize=2**15)(self._find_fit)
        self._by_core: dict[str, tuple[Target, ...]] = {}
        for core, target in self._names():
            self._by_core[core] = (*self._by_core.get(core, ()), target)

    def find(self, name: str) -> tuple[Slot, ...]:
        """Return the modules that a file's module name means: none, one, or several whose rows follow each other."""
        targets = self.targets(name)
        return targets[0].slots if targets else ()

    def fit(self, name: str, module: Module) -> Target | None:
        """Return what a module's name means, and None where the tensors do not have the size."""
        return self._fit(name, module.size)

    def _find_fit(self, name: str, size: Size) -> Target | None:
        return next((target for target in self.targets(name) if fits(size, target.slots)), None)

    def targets(self, name: str) -> tuple[Target, ...]:
        """Return all that a name may mean: without a prefix, a text encoder's module can be either encoder's."""
        components, core, _, _ = read_name(name)
        targets = self._by_core.get(core, ())
        if not components or not targets:
            return targets
        return tuple(target for target in targets if target.slots[0].component in components)

    @cached_property
    def entries(self) -> Mapping[str, tuple[Target, ...]]:
        """What each name means, by the name without prefixes."""
        return self._by_core

    @cached_property
    def n_of_pattern(self) -> Mapping[str, int]:
        """How many names there are of each pattern."""
        return Counter(read_name(core).pattern for core in self._by_core)

    def _names(self) -> Iterator[tuple[str, Target]]:
        by_path = {(slot.component, slot.module): Target((slot,)) for slot in self.slots}
        for (component, module), target in by_path.items():
            yield from ((core, target) for core in dict.fromkeys(cores_of(component, module)))
        unet = [module for component, module in by_path if component == "unet"]
        for core, module in original_unet_names(unet):
            yield core, by_path["unet", module]
        transformer = [module for component, module in by_path if component == "transformer"]
        for core, modules, has_swapped_halves in original_transformer_names(transformer):
            slots = tuple(by_path["transformer", module].slots[0] for module in modules)
            yield core, Target(slots, has_swapped_halves)


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
        Architecture(read_slots(FOLDER / f"{name}.json"), base_model) for name in DATA_FILES.get(base_model, ())
    )


def read_slots(path: Path) -> tuple[Slot, ...]:
    """Read a data file: {component: {module: "320x4x3x3 bias"}}."""
    slots = []
    for component, modules in json.loads(path.read_text(encoding="utf-8")).items():
        for module, words in modules.items():
            sizes, _, bias = words.partition(" ")
            slots.append(Slot(component, module, tuple(map(int, sizes.split("x"))), bias == "bias"))
    return tuple(slots)


def fits(size: Size, slots: tuple[Slot, ...]) -> bool:
    """Tell whether the tensors of a file's module have the size of these modules."""
    first = slots[0]
    rows = first.shape[0] if len(slots) == 1 else sum(slot.shape[0] for slot in slots)
    if size.biases:
        # A layer without a bias gets one for as long as the LoRA is attached; a norm without one does not.
        has_place = all(slot.has_bias or slot.is_layer for slot in slots)
        if not has_place or set(size.biases) != {rows}:
            return False
    if not first.is_layer and size.kind is not Kind.FULL:
        return False  # a norm
    if size.kind is Kind.PAIR:  # nearly all modules of nearly all files
        return size.rows == rows and all(slot.fan_in == size.fan_in for slot in slots)
    if any(slot.fan_in != first.fan_in for slot in slots) or size.rows not in (None, rows):
        return False
    if size.kind is Kind.IA3:
        return size.vector in (rows, first.shape[1])
    return size.fan_in in (None, first.fan_in)


Matches = Mapping[str, Target | None]


def _match(architecture: Architecture, modules: Mapping[str, Module]) -> Matches:
    return {name: architecture.fit(name, module) for name, module in modules.items()}


def _fault_of(matches: Matches, n_matched: int, architecture: Architecture) -> tuple[Reason, str] | None:
    example = next((name for name, target in matches.items() if target is None), None)
    if example is not None:
        why = "has tensors of another size" if architecture.find(example) else "is a name that is unknown here"
        words = (
            f"{n_matched} of {len(matches)} modules are modules of {architecture.base_model}; {example[:80]!r} {why}"
        )
        return (Reason.MODULES_UNMATCHED if n_matched else Reason.NO_MODULE_MATCHES), words
    places = [(id(slot), name) for name, target in matches.items() for slot in (target.slots if target else ())]
    if len(dict(places)) == len(places):
        return None
    taken: dict[int, str] = {}
    twice = next((taken[place], name) for place, name in places if taken.setdefault(place, name) != name)
    return Reason.MIXED_LAYOUT, f"{twice[0][:80]!r} and {twice[1][:80]!r} are for one module"
