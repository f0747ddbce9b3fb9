"""Waiting for an answer that may never come: until it is there, a time is up, or Ctrl-C.

DuckDB looks for Ctrl-C between two tasks, and a recursive query can be one task without end. So it runs in a thread,
while this one waits and can interrupt it.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from carlos_tasks.errors import PermanentError
from carlos_tasks.lake.gate.connection import GuardedConnection

_LOOK_S = 0.2  # DuckDB forgets an interrupt that comes between two statements

Answer = TypeVar("Answer")


def answer_within(con: GuardedConnection, ask: Callable[[], Answer], seconds: float | None = None) -> Answer:
    """What `ask` returns, which asks this connection.

    Args:
        con: the connection that is interrupted.
        ask: runs a statement and takes its answer.
        seconds: how long it may take; None: as long as it will.

    Raises:
        PermanentError: the time is up.
        KeyboardInterrupt: Ctrl-C.
    """
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            return asked.result(seconds)
        except TimeoutError:
            if asked.done():
                raise
            _interrupt(con, asked)
            raise PermanentError(f"no answer in {seconds:g} s: ask for less, or give it a longer --timeout") from None
        except KeyboardInterrupt:
            _interrupt(con, asked)
            raise


def _interrupt(con: GuardedConnection, asked: "Future[Answer]") -> None:
    while not asked.done():
        con.interrupt()
        try:
            asked.exception(_LOOK_S)
        except TimeoutError:
            continue
