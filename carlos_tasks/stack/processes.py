"""Start a process in a session of its own, and later end exactly that session.

A session, not a process group: Airflow's tasks and parsers move to groups of their own, but nothing in it leaves the
session. The kernel gives no new process the number of a session that still has members; the boot and the start time
of the leader are recorded too, so that a number which came back after all is never mistaken for ours.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from carlos_tasks.errors import CarlosError

_PROC = Path("/proc")


@dataclass(frozen=True)
class Started:
    """A process that was started; `pid` is its session too, `start_ticks` (1/100 s after boot) and `boot` say which."""

    name: str
    pid: int
    start_ticks: int
    boot: str


def start(name: str, command: list[str], env: Mapping[str, str], log: Path) -> Started:
    """Start `command` (its first word an absolute path) in a new session, both outputs appended to `log`.

    Raises:
        CarlosError: it ended at once.
    """
    to_log = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    no_input = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    actions = [no_input, to_log, (os.POSIX_SPAWN_DUP2, 1, 2)]
    pid = os.posix_spawn(command[0], command, env, file_actions=actions, setsid=True)
    stat = _stat(pid)
    if stat is None:
        raise CarlosError(f"{name} ended as soon as it was started:\n{tail(log)}")
    return Started(name, pid, stat[1], _boot())


def is_running(process: Started) -> bool:
    """Whether the process itself (the leader of its session) still runs."""
    _reap(process.pid)
    stat = _stat(process.pid)
    return process.boot == _boot() and stat is not None and stat[1] == process.start_ticks


def members(process: Started) -> list[int]:
    """Every living process of the session, the leader first; empty if the number belongs to someone else now."""
    if process.boot != _boot():
        return []
    _reap(process.pid)
    leader = _stat(process.pid)
    if leader is not None and leader[1] != process.start_ticks:
        return []
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            stat = _stat(int(entry.name))
            if stat is not None and stat[0] == process.pid and stat[1] >= process.start_ticks:
                found.append(int(entry.name))
    return sorted(found, key=lambda pid: pid != process.pid)


def stop(processes: Iterable[Started], patience_s: float = 6.0) -> None:
    """Ask every process of these sessions to end, and kill what is left after `patience_s`.

    Airflow's processes say that they have finished within a second; the API server's interpreter then tears its
    modules down for ten more, which nobody has to wait for.
    """
    processes = list(processes)
    _signal(processes, signal.SIGTERM)
    give_up = time.monotonic() + patience_s
    while any(members(process) for process in processes):
        if time.monotonic() > give_up:
            _signal(processes, signal.SIGKILL)
        time.sleep(0.1)


@contextmanager
def exiting_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block like an exit, so that its `finally` parts run."""
    before = {number: signal.signal(number, _exit) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port() -> int:
    """A port of loopback on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, lines: int = 25) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _exit(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


def _signal(processes: list[Started], number: int) -> None:
    for pid in [pid for process in processes for pid in members(process)]:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _stat(pid: int) -> tuple[int, int] | None:
    """(session, start ticks) of a process, None if there is none or only its exit status is left."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else (int(fields[3]), int(fields[19]))


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
