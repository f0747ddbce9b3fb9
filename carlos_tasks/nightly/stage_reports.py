"""What the stages of the nightly index return, where no module of theirs has a report of its own already.

Small and JSON-able: keys and counts, never embeddings. `as_json` is the way out of Python, to Airflow and to `--json`,
and `from_json` the way back.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from carlos_tasks.commit.index import CommitReport
    from carlos_tasks.commit.weight_sketches import WeightsReport
    from carlos_tasks.intake.source_intake import IngestReport
    from carlos_tasks.lake.checks import CheckFailure

Report = TypeVar("Report")


@dataclass(frozen=True)
class Announcement:
    """How many shards of a source were announced, each as one partition."""

    source: str
    n_partitions: int


@dataclass(frozen=True)
class Failure:
    """Why a stage failed: the class of its error, and what that said."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Plan:
    """What is to be measured: the keys of the manifests, by the name of their profile, backbones one after the other.

    The same backlog gives the same plan. `n_loras` counts all that wait, once for each profile.
    """

    plan_id: str
    batches: dict[str, tuple[str, ...]]
    n_loras: int


@dataclass(frozen=True)
class BaselineReport:
    """How many pairs the baseline of a profile has, and how many of them were made now."""

    n_pairs: int
    n_new: int


@dataclass(frozen=True)
class BatchReport:
    """What became of the LoRAs of one manifest: how many ended how, the images that they have, the time it took.

    `copied` counts those whose measurement was copied from a LoRA with the same weights; each also counts as what it
    ended as, and has no images of its own. Images of an earlier look or try count too. `left` counts those that were
    not begun, since the task's time was over: they wait for the next plan.
    """

    lora_ids: tuple[str, ...]
    embedded: int
    unpatched: int
    failed: int
    copied: int
    images: int
    left: int
    seconds: float


@dataclass(frozen=True)
class ProfileReport:
    """What became of the LoRAs that waited for one profile."""

    profile: str
    batches: tuple[BatchReport, ...]
    commit: "CommitReport"
    contact_sheet: str


@dataclass(frozen=True)
class IndexReport:
    """What every stage in one process did; the last ones are None where no LoRA waited to be measured.

    `n_cleaned` counts files of killed commits that were removed.
    """

    ingested: "IngestReport"
    weights: "WeightsReport"
    n_planned: int
    check_failures: tuple["CheckFailure", ...]
    profiles: tuple[ProfileReport, ...] | None = None
    n_cleaned: int | None = None


def as_json(report: "DataclassInstance") -> dict[str, Any]:
    """Return a report as JSON takes it; what is None is left out."""
    return {name: value for name, value in asdict(report).items() if value is not None}


def from_json(kind: type[Report], value: Any) -> Report:
    """Return the report that `as_json` gave this value for."""
    return TypeAdapter(kind).validate_python(value)
