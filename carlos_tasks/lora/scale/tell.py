"""The verdict on a file's scale, and the alpha of each module: what the intake tells and the worker applies.

Order: the file's alpha tensors, the statements in their order (`statements`), and where there is none alpha is the
rank, as every loader takes it. A scale that cannot be known is applied as loaders do, and said to be unknown: where
what is stated contradicts itself or the tensors, was lost on the way, or is for a base model whose weights were
changed.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice
from pathlib import Path

from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.facts import component_of
from carlos_tasks.lora.layout.parts import Kind
from carlos_tasks.lora.layout.styles import Style
from carlos_tasks.lora.scale.alphas import read_alphas
from carlos_tasks.lora.scale.config import FILE_NAME, read_number
from carlos_tasks.lora.scale.statements import Statement, ToldBy, names_in_file, read_statements, usable

_ALPHAS = 100  # so many say which is the most common: a read for each of thousands would take longer than all else
_COMPARED = 400  # modules in which two statements are compared
_TOLERANCE = 0.01  # half precision keeps three digits
_PEFT_PREFIX = "base_model.model."


@dataclass(frozen=True)
class Scale:
    """What is known of a file's scale; `alpha` is that of most modules, None where it is the rank."""

    alpha: float | None
    told_by: ToldBy
    is_known: bool
    detail: str = ""  # why it is not known


def tell_scale(header: Header, path: Path, beside: str | None = None) -> Scale:
    """Tell a file's scale.

    Args:
        header: of the file at `path`, checked.
        beside: what an adapter_config.json beside the file says (`config.state_config`).
    """
    modules = header.layout.scaled_ranks
    has_tensors = Style.ALPHA in header.layout.styles
    tensors = read_alphas(header, path, _ALPHAS) if has_tensors else {}
    statements = read_statements(header, beside)
    stated = usable(statements)
    told_by = _told_by(modules, tensors, stated)
    counts = Counter(tensors.values())
    if stated and not tensors:
        counts = Counter(filter(None, (_stated_alpha(stated, *module) for module in modules.items())))
    alpha = max(counts, key=lambda alpha: (counts[alpha], alpha)) if counts else None
    doubts = _doubts(header, modules, tensors, statements)
    detail = next(doubts, "") if modules else _fault_of_whole(header, statements)
    return Scale(alpha, told_by, not detail, detail)


@dataclass(frozen=True)
class ModuleScales:
    """The alpha of each module of a file, as `tell_scale` tells it."""

    header: Header
    path: Path
    beside: str | None = None

    def alpha(self, name: str, module_names: tuple[str, ...], component: str) -> float | None:
        """Return a module's alpha, None where it is the rank.

        Args:
            name: the module's name in the file. module_names: its names in the backbone.
        """
        if (alpha := self._tensors.get(name)) is not None:
            return alpha
        rank = self.header.layout.modules[name].rank_of_scale
        if rank is None:
            return None
        names = (*names_in_file(name), *module_names)
        told = (statement.alpha(names, component, rank) for statement in self._statements)
        return next((alpha for alpha in told if alpha is not None), None)

    @cached_property
    def _tensors(self) -> Mapping[str, float]:
        return read_alphas(self.header, self.path)

    @cached_property
    def _statements(self) -> list[Statement]:
        return usable(read_statements(self.header, self.beside))


def _told_by(modules: Mapping[str, int], tensors: Mapping[str, float], stated: list[Statement]) -> ToldBy:
    if not modules:
        return ToldBy.NOT_NEEDED
    if tensors:
        return ToldBy.ALPHA_TENSORS
    return next(
        (s.told_by for s in stated if any(_alpha_of(s, *module) is not None for module in modules.items())),
        ToldBy.CONVENTION,
    )


def _alpha_of(statement: Statement, name: str, rank: int) -> float | None:
    return statement.alpha(names_in_file(name), component_of(name), rank)


def _fault_of_whole(header: Header, statements: list[Statement]) -> str:
    """Return what is wrong with a statement about Kronecker products, which PEFT scales without a rank too."""
    if not any(module.change.kind is Kind.LOKR for module in header.layout.modules.values()):
        return ""
    return next((statement.fault for statement in statements if statement.fault), "")


def _stated_alpha(stated: list[Statement], name: str, rank: int) -> float | None:
    return next((alpha for s in stated if (alpha := _alpha_of(s, name, rank)) is not None), None)


def _doubts(
    header: Header, modules: Mapping[str, int], tensors: Mapping[str, float], statements: list[Statement]
) -> Iterator[str]:
    """Yield what makes the scale unknown, each as the end of a sentence about the file."""
    if any(statement.changes_base for statement in statements):
        yield "it was trained on a base model whose weights were changed first (init_lora_weights)"
    stated = usable(statements)
    scaled = {name: alpha for name, alpha in tensors.items() if name in modules}
    for statement in stated:
        theirs = ((_alpha_of(statement, name, modules[name]), alpha, modules[name]) for name, alpha in scaled.items())
        if any(_differ(*module) for module in theirs):
            yield f"{_place(statement)} states another alpha than the file's tensors"
    for one, other in combinations(stated, 2):
        pairs = ((_alpha_of(one, *m), _alpha_of(other, *m), m[1]) for m in islice(modules.items(), _COMPARED))
        if any(_differ(*pair) for pair in pairs):
            yield f"{_place(one)} and {_place(other)} state different alphas"
    if tensors:
        return
    n_untold = len(modules)
    if stated:
        n_untold = sum(_stated_alpha(stated, *module) is None for module in modules.items())
    if not n_untold:
        return
    if n_untold < len(modules):
        yield f"nothing is stated of {n_untold} of its {len(modules)} modules"
    if fault := next((statement.fault for statement in statements if statement.fault), ""):
        yield fault
    yield from _losses(header)


def _differ(alpha: float | None, other: float | None, rank: int) -> bool:
    if alpha is None or other is None:
        return False
    alpha, other = alpha or rank, other or rank  # 0 stands for the rank
    return abs(alpha - other) > _TOLERANCE * max(abs(alpha), abs(other))


def _losses(header: Header) -> Iterator[str]:
    """Yield what tells that the file had a scale, which is not in it any more."""
    metadata = header.metadata
    alpha, rank = read_number(metadata.get("ss_network_alpha")), read_number(metadata.get("ss_network_dim"))
    if rank is None:
        counts = Counter(filter(None, header.layout.scaled_ranks.values()))
        rank = max(counts, key=lambda rank: (counts[rank], rank))
    if alpha and alpha != rank:
        yield f"it was trained with alpha {alpha:g} and rank {rank:g}, and holds no alpha: a conversion left it out"
    lone = read_number(metadata.get("alpha"))
    if lone and lone != rank:
        yield f"the header has an alpha of {lone:g} and no rank beside it"
    if any(name.startswith(_PEFT_PREFIX) for name in header.layout.scaled_ranks):
        yield f"PEFT keeps the alpha in {FILE_NAME}, which is not beside the file"


def _place(statement: Statement) -> str:
    return FILE_NAME if statement.told_by is ToldBy.ADAPTER_CONFIG else f"the header's {statement.told_by}"
