"""Reading cases one after the other: what was said of them, how long the slowest took, by how much the process grew."""

import os
import resource
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.targets import TARGETS

WARM_UP = 20
MAX_CASE_BYTES = 17 * 2**20  # a little more than the longest header that is read
LIMIT_S = 10.0  # one case
KEPT = Path("var/fuzz")


class Hang(BaseException):
    """A case took longer than LIMIT_S."""


@dataclass
class Outcome:
    """What became of some cases of one target."""

    target: str
    cases: int = 0
    slowest_s: float = 0.0
    grown_mb: float = 0.0
    said: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)


def run_cases(target: str, cases: Iterable[tuple[str, bytes]]) -> Outcome:
    """Read named cases in this process; the first ones, which load what is loaded once, do not count as growth."""
    outcome = Outcome(target)
    start_mb = _peak_mb()
    with tempfile.TemporaryDirectory(prefix="carlos-fuzz-", dir=_fast_folder()) as room:
        for name, case in cases:
            began = time.perf_counter()
            try:
                with _time_limit():
                    outcome.said[TARGETS[target].run(case, Path(room))] += 1
            except (Exception, Hang) as exc:
                outcome.found.append(_keep(name, case, exc))
            outcome.slowest_s = max(outcome.slowest_s, time.perf_counter() - began)
            outcome.cases += 1
            if outcome.cases == WARM_UP:
                start_mb = _peak_mb()
    outcome.grown_mb = _peak_mb() - start_mb
    return outcome


def make_cases(target: str, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Make cases with names that say how to make them again."""
    for number in range(count):
        name = f"{target}-{seed}-{number}"
        yield name, TARGETS[target].make(Random(name))[:MAX_CASE_BYTES]


@contextmanager
def _time_limit() -> Iterator[None]:
    def stop(signal_number: int, frame: object) -> None:
        raise Hang(f"more than {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _keep(name: str, case: bytes, exc: BaseException) -> str:
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / name).write_bytes(case)
    (KEPT / f"{name}.txt").write_text("".join(traceback.format_exception(exc)), errors="backslashreplace")
    return f"{name}: {type(exc).__name__}: {str(exc)[:200]!r}"


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _fast_folder() -> str | None:
    """Memory, where the system offers it: a hundred thousand small files need no disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
