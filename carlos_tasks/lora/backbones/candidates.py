"""Which backbones the modules of a file can be for: each of its names and sizes, held against all that are known.

A module speaks for a backbone that has one of that name, in a block of that number, of that size. So every name, every
width and the number of blocks are weighed together, and what only one of them says decides nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from carlos_tasks.lora.backbones.architecture import Architecture, Target, fits, load_architectures
from carlos_tasks.lora.backbones.file_names import read_name
from carlos_tasks.lora.backbones.known import DATA_FILES
from carlos_tasks.lora.backbones.others import load_others
from carlos_tasks.lora.layout.tensor_layout import Module, Size


@dataclass(frozen=True)
class Candidate:
    """A backbone that some modules of a file speak for.

    `n_fit` modules have the name, block and size of one of its modules, `n_named` the name alone (the fitting ones
    included). `share` is the part of the backbone's modules of these names that the file has.
    """

    name: str
    title: str
    is_known: bool
    n_named: int
    n_fit: int
    share: float


def find_candidates(modules: Mapping[str, Module]) -> list[Candidate]:
    """Return the backbones that at least one module is named for, the one that most modules fit first.

    Of several that as many fit, one of whose blocks none is left out comes first (five joint blocks are all that FLUX.2
    klein 4B has, and a quarter of FLUX.1's), then one that can be attached to, then the one with the larger share.
    """
    named: Counter[int] = Counter()
    fit: Counter[int] = Counter()
    patterns: dict[int, set[str]] = {}
    votes = [_vote_of(name, module.size) for name, module in modules.items()]
    counts = Counter(map(id, votes))
    for (pattern, named_by, fit_by), n in zip(
        {id(vote): vote for vote in votes}.values(), counts.values(), strict=True
    ):
        for number in named_by:
            named[number] += n
        for number in fit_by:
            fit[number] += n
            patterns.setdefault(number, set()).add(pattern)
    known, _ = _known()
    others, layers = load_others()
    found = []
    for number, n_named in named.items():
        if number < len(known):
            has = sum(known[number].n_of_pattern[pattern] for pattern in patterns.get(number, ()))
            name = title = known[number].base_model
        else:
            other = others[number - len(known)]
            name, title = other.name, other.title
            of_it = (layer for pattern in patterns.get(number, ()) for layer in layers[pattern])
            has = sum(layer.n_modules for layer in of_it if layer.backbone == number - len(known))
        found.append(Candidate(name, title, number < len(known), n_named, fit[number], fit[number] / max(has, 1)))
    return sorted(found, key=lambda one: (one.n_fit, one.share >= 1, one.is_known, one.share), reverse=True)


class _Vote(NamedTuple):
    """What one module says: the pattern of its name, the backbones that it is named for, and those that it fits."""

    pattern: str
    named: tuple[int, ...]
    fit: tuple[int, ...]


@lru_cache(maxsize=2**15)  # all files of a trainer share their names
def _vote_of(name: str, size: Size) -> _Vote:
    components, core, pattern, block = read_name(name)
    known, by_core = _known()
    found: dict[int, bool] = {}  # by backbone: without a prefix, a name can mean a module of either text encoder
    for number, target in by_core.get(core, ()):
        if not components or target.slots[0].component in components:
            found[number] = found.get(number, False) or fits(size, target.slots)
    for layer in load_others()[1].get(pattern, ()):
        is_of_size = not layer.sizes or None in (size.rows, size.fan_in) or (size.rows, size.fan_in) in layer.sizes
        found[len(known) + layer.backbone] = is_of_size and block < layer.depth
    return _the_same(_Vote(pattern, tuple(found), tuple(number for number, is_fit in found.items() if is_fit)))


@lru_cache(maxsize=2**14)
def _the_same(vote: _Vote) -> _Vote:
    """Return one object for equal votes, so that they can be counted without being compared."""
    return vote


@cache
def _known() -> tuple[tuple[Architecture, ...], Mapping[str, tuple[tuple[int, Target], ...]]]:
    """Return the architectures, and by each name what it means in which of them."""
    architectures = tuple(one for base_model in DATA_FILES for one in load_architectures(base_model))
    by_core: dict[str, tuple[tuple[int, Target], ...]] = {}
    for number, architecture in enumerate(architectures):
        for core, targets in architecture.entries.items():
            by_core[core] = (*by_core.get(core, ()), *((number, target) for target in targets))
    return architectures, by_core
