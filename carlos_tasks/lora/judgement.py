"""What a header says altogether: family, base model, modules that the backbone has, the first fault.

What a file is for is told before what is wrong with it: a sound LoRA of another backbone is none of ours, and a broken
one is neither. All but the choice by metadata follows from the table of tensors, so files with one table share it.
"""

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from carlos_tasks.lora.backbones.architecture import ModuleFinding, match_modules
from carlos_tasks.lora.backbones.base_model import Keys, decide, weigh_keys
from carlos_tasks.lora.backbones.known import DATA_FILES
from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.container.tensor_table import Table
from carlos_tasks.lora.families import NEVER_LOADED, FamilyFinding, tell_family
from carlos_tasks.lora.layout.parts import Change, Kind
from carlos_tasks.lora.layout.tensor_layout import Layout
from carlos_tasks.untrusted.reasons import Reason

MAX_RANK = 4096
Fault = tuple[Reason, str]


@dataclass(frozen=True)
class Judgement:
    """What a header says; `n_modules_matched` is None where the backbone's architecture is not known here."""

    family: FamilyFinding
    base_model: str
    evidence: str
    n_modules_matched: int | None
    fault: Fault | None

    @property
    def is_lora(self) -> bool:
        """Whether the file changes a backbone: an embedding or a whole model is refused as that, whatever it is for."""
        return self.family.family not in NEVER_LOADED


@dataclass(frozen=True)
class _Judged:
    """What a table says, and the findings of the base models that files with it have turned out to be for."""

    family: FamilyFinding
    keys: Keys
    fault: Fault | None
    findings: dict[str, ModuleFinding] = field(default_factory=dict)


_JUDGED: WeakKeyDictionary[Table, _Judged] = WeakKeyDictionary()


def judge(header: Header) -> Judgement:
    """Judge a header that passed."""
    judged = _JUDGED.get(header.table)
    if judged is None:
        family = tell_family(header)
        fault = family.fault or _fault_of_ranks(header.layout)
        judged = _JUDGED[header.table] = _Judged(family, weigh_keys(header.layout), fault)
    base_model, evidence = decide(judged.keys, header.metadata)
    match = judged.findings.get(base_model)
    if match is None:
        match = judged.findings[base_model] = match_modules(header, judged.family.family, base_model)
    is_foreign = base_model not in DATA_FILES and judged.family.family not in NEVER_LOADED
    fault = not_indexed(base_model, evidence) if is_foreign else judged.fault or match.fault
    return Judgement(judged.family, base_model, evidence, match.n_matched, fault)


def not_indexed(base_model: str, evidence: str) -> Fault:
    """The fault of a file for a backbone that is not the index's."""
    return Reason.BASE_MODEL_NOT_INDEXED, f"base model {base_model}: {evidence}"


def _fault_of_ranks(layout: Layout) -> Fault | None:
    """Refuse a rank that no training gives; a narrow module under a common rank (SDXL's conv_in) is none."""
    absurd = {module for module in set(layout.modules.values()) if _is_absurd(module.change)}
    for name, module in layout.modules.items() if absurd else ():
        if module in absurd:
            change = module.change
            return Reason.RANK_ABSURD, f"{name[:80]!r} has rank {change.rank}, for a module of width {_width(change)}"
    return None


def _is_absurd(change: Change) -> bool:
    if change.rank is None or change.kind in (Kind.OFT, Kind.BOFT):  # there it is the size of a block
        return False
    return change.rank > min(MAX_RANK, _width(change))


def _width(change: Change) -> int:
    return max(change.rows or MAX_RANK, change.fan_in or MAX_RANK)
