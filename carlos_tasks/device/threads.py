"""How many threads torch computes with on a CPU: the cores, divided among the processes that measure on this machine.

Left alone, torch starts a thread per core in every process. The threads of two such processes wait for each other in
each of thousands of small operations: two on two cores had not done in nine minutes what takes one.

A process that measures holds an abstract socket, which the kernel removes with it however it ends; `/proc/net/unix`
lists them. How many threads compute changes no bit of an image.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "carlos-measuring-"
_SOCKETS = Path("/proc/net/unix")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@contextmanager
def sharing_cores(device: str, threads: int) -> Iterator[None]:
    """Let torch compute with this process's share of the cores until the block ends; on a GPU, nothing changes.

    Args:
        device: a torch device, as `choose_device` gives it.
        threads: how many; 0 leaves it to OMP_NUM_THREADS where that is set, else to the cores and the processes.
    """
    if device != "cpu" or (not threads and "OMP_NUM_THREADS" in os.environ):
        yield
        return
    import torch

    before = torch.get_num_threads()
    with measuring():
        torch.set_num_threads(threads or max(1, usable_cores() // max(1, n_measuring())))
        try:
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def measuring() -> Iterator[None]:
    """Be counted as a process that measures until the block ends."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mark:
        if _SOCKETS.exists():  # only Linux has sockets without a file
            mark.bind(f"\0{_NAME}{secrets.token_hex(8)}")
        yield


def n_measuring() -> int:
    """How many processes measure on this machine, or in this container."""
    return _SOCKETS.read_text().count(f"@{_NAME}") if _SOCKETS.exists() else 1


def usable_cores(quota: Path = _QUOTA) -> int:
    """The cores that this process may use: those it is bound to, and no more than a container is granted."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted, period = quota.read_text().split() if quota.exists() else ("max", "")
    return cores if granted == "max" else max(1, min(cores, int(granted) // int(period)))
