"""The stages of a verification of the lake, one function each, as the DAG calls them.

    plan_verification ─► verify_batch × n ─► record_verification

What goes in and out is small. Every stage can be killed at any point and run again. DAG files import this module while
Airflow parses them, so what a stage needs is imported when it runs.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store

if TYPE_CHECKING:
    from carlos_tasks.verification.run import VerificationReport


@dataclass(frozen=True)
class VerificationPlan:
    """A verification that is under way: its key, and the numbers of its batches."""

    run_key: str
    batches: tuple[int, ...]


@dataclass(frozen=True)
class VerifiedBatch:
    """How much one batch looked at, and how many faults it found."""

    n_loras: int
    n_lake_files: int
    n_faults: int


def plan_verification(settings: Settings, share: float) -> VerificationPlan:
    """Begin a verification of the lake, or go on with the one that was killed."""
    from carlos_tasks.verification.plan import plan_run

    run = plan_run(settings, share)
    return VerificationPlan(run.key, tuple(range(run.n_batches)))


def verify_batch(settings: Settings, run_key: str, number: int) -> VerifiedBatch:
    """Verify one batch of a run; what has its findings is skipped."""
    from carlos_tasks.verification.plan import open_run
    from carlos_tasks.verification.run import verify_batch

    found = verify_batch(settings, open_run(open_store(settings.store), run_key), number)
    return VerifiedBatch(found.n_loras, found.n_lake_files, len(found.damages))


def record_verification(settings: Settings, run_key: str) -> "VerificationReport":
    """Record what the batches of a run found, and send the LoRAs that are damaged through the index again."""
    from carlos_tasks.verification.plan import open_run
    from carlos_tasks.verification.run import record

    return record(settings, open_run(open_store(settings.store), run_key))
