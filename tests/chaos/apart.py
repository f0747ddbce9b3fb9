"""Running a stage in a process of its own, which can be killed at any moment and leaves nothing in this one."""

import os
import pickle
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: A stage takes seconds; one that takes this long hangs.
LIMIT_S = 180.0


class Hang(Exception):
    """A stage did not end."""


@dataclass(frozen=True)
class Ending:
    """How a process ended: what its function returned, or the error that it raised; neither where it was killed."""

    result: Any = None
    error: Exception | None = None
    was_killed: bool = False
    seconds: float = 0.0

    def value(self) -> Any:
        """What the function returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        if self.was_killed:
            raise RuntimeError("the process was killed")
        return self.result


class Apart:
    """A function that runs in a forked process."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self._started = time.monotonic()
        self._out, inner = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._out)
            _run_and_leave(run, inner)
        os.close(inner)

    def kill(self) -> None:
        """Kill it as the kernel kills who takes too much memory: with no last word."""
        os.kill(self._pid, signal.SIGKILL)

    def ended(self, limit_s: float) -> Ending:
        """Wait for its end.

        Raises:
            Hang: it did not end in time; it is killed then.
        """
        said = b""
        while True:
            left = limit_s - (time.monotonic() - self._started)
            if not select.select([self._out], [], [], max(left, 0))[0]:
                self.kill()
                os.waitpid(self._pid, 0)
                os.close(self._out)
                raise Hang(f"not over after {limit_s:.0f} s")
            part = os.read(self._out, 2**16)
            if not part:
                break
            said += part
        os.close(self._out)
        os.waitpid(self._pid, 0)
        seconds = time.monotonic() - self._started
        if not said:
            return Ending(was_killed=True, seconds=seconds)
        result, error = pickle.loads(said)
        return Ending(result, error, seconds=seconds)


def run_apart(run: Callable[[], Any], kill_after_s: float | None = None, limit_s: float = LIMIT_S) -> Ending:
    """Run a function in a process of its own; kill it after some seconds unless it has ended.

    Raises:
        Hang: it did not end within the limit.
    """
    process = Apart(run)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        process.kill()
    return process.ended(limit_s)


def _run_and_leave(run: Callable[[], Any], out: int) -> None:
    """Run in the child; no handler of the parent's runs at its end."""
    try:
        said = pickle.dumps((run(), None))
    except Exception as exc:
        try:
            said = pickle.dumps((None, exc))
            pickle.loads(said)
        except Exception:
            said = pickle.dumps((None, RuntimeError(f"{type(exc).__name__}: {exc}")))
    with os.fdopen(out, "wb") as pipe:
        pipe.write(said)
    os._exit(0)
