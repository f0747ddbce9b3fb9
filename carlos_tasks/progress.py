"""Progress of long work: a bar on a terminal, log lines with rate and time left everywhere else."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def progress(what: str, total: int, unit: str = "images") -> Iterator[Callable[[int], None]]:
    """Show how far the body of the `with` is.

    Args:
        what: a short name of the work.
        total: how many units there are to do.
        unit: what is counted.

    Yields:
        A function to call with the number of units just done.
    """
    if sys.stderr.isatty():
        yield from _bar(what, total)
    else:
        yield from _lines(what, total, unit)


def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def _lines(what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    started = last = time.monotonic()
    count = 0

    def advance(done: int) -> None:
        nonlocal count, last
        count += done
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES or count >= total:
            rate = count / max(now - started, 1e-9)
            log.info("%s: %d of %d %s, %.1f/s, %.0f s left", what, count, total, unit, rate, (total - count) / rate)
            last = now

    yield advance
