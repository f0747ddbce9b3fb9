"""A checked LoRA file beside a loaded backbone: which tensor of the file is for which module.

The check of the header has matched the file with the architecture that its keys tell. Here it is matched again, with
the modules of the pipeline that is really loaded.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from carlos_tasks.errors import IndexingFailed, RejectedFile
from carlos_tasks.lora.backbones.architecture import Architecture, Slot
from carlos_tasks.lora.backbones.architecture_data import slots_of_model
from carlos_tasks.lora.backbones.loading import WAYS, Way
from carlos_tasks.lora.container.header import Header, read_header
from carlos_tasks.lora.families import tell_family
from carlos_tasks.lora.layout.parts import Change
from carlos_tasks.lora.layout.tensor_layout import Module, place_tensor
from carlos_tasks.lora.scale.tell import ModuleScales

COMPONENTS = ("unet", "transformer", "text_encoder", "text_encoder_2", "text_encoder_3")


@dataclass(frozen=True)
class MatchedModule:
    """One module of a file, and the modules of the backbone that its tensors are for (rows in their order).

    `has_swapped_halves`: the file has the two halves of the rows the other way round.
    """

    name: str
    parts: tuple[str, ...]
    change: Change
    slots: tuple[Slot, ...]
    has_swapped_halves: bool = False


@dataclass(frozen=True)
class MatchedFile:
    """A file whose modules were looked for in a pipeline; `modules` holds those that are there.

    `stated_scale` is what an adapter_config.json beside the file says of its scale.
    """

    path: Path
    header: Header
    way: Way
    modules: tuple[MatchedModule, ...]
    stated_scale: str | None = None

    @property
    def components(self) -> frozenset[str]:
        """Components of the pipeline that the file changes."""
        return frozenset(slot.component for module in self.modules for slot in module.slots)

    @property
    def n_modules(self) -> int:
        """Modules that the file holds tensors for."""
        return len(self.header.layout.modules)

    def tensors(self) -> Iterator[tuple[MatchedModule, dict[str, Any]]]:
        """Yield every matched module with its tensors by part, on the CPU, as they are stored."""
        from safetensors import safe_open

        names = self._names
        with safe_open(self.path, framework="pt") as file:
            for module in self.modules:
                yield module, {part: file.get_tensor(names[module.name, part]) for part in module.parts}

    def alpha(self, module: MatchedModule) -> float | None:
        """Return a module's alpha, None where it is the rank (`lora.scale`)."""
        return self._scales.alpha(module.name, tuple(slot.module for slot in module.slots), module.slots[0].component)

    @cached_property
    def _scales(self) -> ModuleScales:
        return ModuleScales(self.header, self.path, self.stated_scale)

    @cached_property
    def _names(self) -> Mapping[tuple[str, str], str]:
        places = ((name, place_tensor(name)) for name in self.header.tensors)
        return {(place.module, place.part): name for name, place in places}


def match_file(path: Path, slots: Iterable[Slot], stated_scale: str | None = None) -> MatchedFile:
    """Match a file with the modules of a backbone.

    Args:
        stated_scale: what an adapter_config.json beside the file says (`lora.scale.config.state_config`).

    Raises:
        IndexingFailed: `load_failed`, where this file cannot be attached to any backbone, or a tensor has another
            size than its module.
    """
    try:
        header = read_header(path)
    except RejectedFile as exc:
        raise IndexingFailed("load_failed", f"{exc.reason}: {exc.detail}"[:500]) from exc
    family = tell_family(header)
    if family.fault is not None:
        raise IndexingFailed("load_failed", f"{family.fault[0]}: {family.fault[1]}"[:500])
    architecture = Architecture(slots)
    matched = []
    for name, module in header.layout.modules.items():
        if target := architecture.fit(name, module):
            of_it = (tuple(module.shapes), module.change, target.slots, target.has_swapped_halves)
            matched.append(MatchedModule(name, *of_it))
        elif found := architecture.find(name):
            raise IndexingFailed("load_failed", _of_another_size(name, module, found)[:500])
    way = Way.MERGE if any(module.change.has_bias for module in matched) else WAYS[family.family]
    return MatchedFile(path, header, way, tuple(matched), stated_scale)


def slots_of(pipeline: Any) -> Iterator[Slot]:
    """Yield the modules with weights of a loaded pipeline's components."""
    for component in COMPONENTS:
        if (model := getattr(pipeline, component, None)) is not None:
            yield from slots_of_model(component, model)


def swapped_halves(rows: Any) -> Any:
    """Return a tensor with the two halves of its rows the other way round."""
    import torch

    return torch.cat([*reversed(rows.chunk(2))])


def _of_another_size(name: str, module: Module, slots: tuple[Slot, ...]) -> str:
    shapes = ", ".join(f"{part} {list(shape)}" for part, shape in module.shapes.items())
    return f"{name} is for weights of {', '.join(str(list(slot.shape)) for slot in slots)}; the file has {shapes}"
