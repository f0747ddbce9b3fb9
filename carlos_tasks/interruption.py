"""Ending by Ctrl-C, SIGTERM or SIGHUP: at any moment, within seconds, with one line, no traceback and exit code 130.

The first signal raises KeyboardInterrupt where the program stands, so that transactions are rolled back, temporary
folders removed and servers ended. Python may lose that exception: in a callback of C code, in an import, in a library
that catches everything, or behind a thread that it waits for. So what counts is that a signal came, not what becomes of
the exception; and a thread of its own ends the process when it is not over in time, or at the second signal. Ending
at once is safe: whatever is killed can be run again.
"""

import atexit
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

EXIT_CODE = 130
LINE = "carlos: interrupted; what is finished is kept, run the same command to go on"
#: How long the clean-up after the first signal may take: the local stack ends its servers within seven seconds.
PATIENCE_S = 10.0
# Ctrl-C reaches a whole group of processes, and a parent may pass it on: two signals at once are one.
_ONE_PRESS_S = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _State:
    """What has happened in this process so far."""

    def __init__(self) -> None:
        self.came = False
        self.raised_at: float | None = None
        self.is_over = False
        self.is_watched = False
        self.to_stop: list[Callable[[], object]] = []


_state = _State()


def was_interrupted() -> bool:
    """Tell whether a signal came: whatever happens since then is part of ending."""
    return _state.came


def stop_at_interruption(stop: Callable[[], object]) -> None:
    """Have this called, from another thread, when a signal comes: for work in C that looks at no signal.

    Where signals are not watched, in a program that is not the command `carlos`, nothing is kept.
    """
    if _state.is_watched:
        _state.to_stop.append(stop)


def ending_on_signals(run: Callable[[], int]) -> NoReturn:
    """Run a command and end the process with its exit code; a signal ends it as this module says.

    Python's own way out waits for threads and gives signals their default back, which is to kill: it is not taken.

    Args:
        run: returns the exit code. It is called in the main thread, once in a process.
    """
    _watch()
    try:
        code = run()
    except BaseException:
        if not was_interrupted():
            raise
    if was_interrupted():
        _end()
    _state.is_over = True
    atexit._run_exitfuncs()
    with suppress(OSError):  # who prints has told already whether somebody reads it
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed before the process began
                stream.flush()
    os._exit(code)


def _watch() -> None:
    _state.is_watched = True
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # Before any handler: a signal is written to the pipe even while the main thread runs no Python.
    threading.Thread(target=_end_in_time, args=(reader,), name="interruption", daemon=True).start()
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_let_go)
    sys.unraisablehook = _unless_interrupted(sys.unraisablehook)
    threading.excepthook = _unless_interrupted(threading.excepthook)
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup, and a shell's job in the background
            signal.signal(number, _on_signal)


def _on_signal(number: int, _frame: object) -> None:
    _state.came = True
    now = time.monotonic()
    if _state.is_over:
        return  # all is done and said, and the process ends now
    if _state.raised_at is None:
        _state.raised_at = now
        raise KeyboardInterrupt
    if now - _state.raised_at > _ONE_PRESS_S:
        _end()


def _end_in_time(reader: int) -> None:
    """The thread: wait for a signal, then for the end of the process or for the next signal."""
    while os.read(reader, 1)[0] not in _SIGNALS or _state.is_over:
        continue
    _state.came = True
    start = time.monotonic()
    for stop in _state.to_stop:
        with suppress(Exception):  # what is closed already
            stop()
    while (waited := time.monotonic() - start) < PATIENCE_S:
        is_readable, _, _ = select.select([reader], [], [], PATIENCE_S - waited)
        is_another = bool(is_readable) and os.read(reader, 1)[0] in _SIGNALS
        if is_another and time.monotonic() - start > _ONE_PRESS_S:
            break
    _end()


def _end() -> NoReturn:
    """Say so and end, waiting for no thread."""
    with suppress(Exception):  # the terminal may be gone, or the buffer in use where the signal came
        sys.stdout.flush()
    with suppress(OSError):
        os.write(2, f"{LINE}\n".encode())
    os._exit(EXIT_CODE)


def _unless_interrupted(hook: Callable[[Any], Any]) -> Callable[[Any], None]:
    """What fails in a callback or a thread because of the signal is nobody's error."""

    def quiet(problem: Any) -> None:
        if not was_interrupted():
            hook(problem)

    return quiet


def _let_go() -> None:
    """In a forked child: its signals are its own, and the pipe is the parent's."""
    signal.set_wakeup_fd(-1)
    _state.is_watched = False
    for number in _SIGNALS:
        if signal.getsignal(number) == _on_signal:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
