"""What the names and shapes of a file say together: family, base model, modules that the backbone has, the first fault.

All of it follows from the table of tensors, so files with one table share one judgement.
"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from carlos_tasks.lora.backbones.architecture import match_modules
from carlos_tasks.lora.backbones.base_model import tell_base_model
from carlos_tasks.lora.container.header import Header
from carlos_tasks.lora.container.tensor_table import Table
from carlos_tasks.lora.families import FamilyFinding, tell_family
from carlos_tasks.lora.layout.parts import Kind
from carlos_tasks.lora.layout.tensor_layout import Layout
from carlos_tasks.untrusted.reasons import Reason

MAX_RANK = 4096
Fault = tuple[Reason, str]


@dataclass(frozen=True)
class Judgement:
    """What a table says; `n_modules_matched` is None where the backbone's architecture is not known here."""

    family: FamilyFinding
    base_model: str
    evidence: str
    n_modules_matched: int | None
    fault: Fault | None


_JUDGED: WeakKeyDictionary[Table, Judgement] = WeakKeyDictionary()


def judge_table(header: Header) -> Judgement:
    """Judge the table of a header that passed."""
    judgement = _JUDGED.get(header.table)
    if judgement is None:
        judgement = _JUDGED[header.table] = _judge(header)
    return judgement


def _judge(header: Header) -> Judgement:
    family = tell_family(header)
    base_model, evidence = tell_base_model(header)
    match = match_modules(header, family.family, base_model)
    fault = family.fault or _fault_of_ranks(header.layout) or match.fault
    return Judgement(family, base_model, evidence, match.n_matched, fault)


def _fault_of_ranks(layout: Layout) -> Fault | None:
    """Refuse a rank that no training gives; a narrow module under a common rank (SDXL's conv_in) is none."""
    for name, module in layout.modules.items():
        change = module.change
        if change.rank is None or change.kind in (Kind.OFT, Kind.BOFT):  # there it is the size of a block
            continue
        widest = max(change.rows or MAX_RANK, change.fan_in or MAX_RANK)
        if change.rank > min(MAX_RANK, widest):
            return Reason.RANK_ABSURD, f"{name[:80]!r} has rank {change.rank}, for a module of width {widest}"
    return None
