"""Processes that measure on one machine share its cores; what a user sets goes before that."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from carlos_tasks.device.threads import measuring, n_measuring, sharing_cores, usable_cores

OTHER = (
    "from carlos_tasks.device.threads import measuring\nwith measuring():\n    print('yes', flush=True)\n    input()"
)


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of four cores whose user sets nothing."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr("carlos_tasks.device.threads._QUOTA", Path("/nowhere"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


@contextmanager
def another() -> Iterator[subprocess.Popen[str]]:
    """Another process that measures."""
    command = [sys.executable, "-c", OTHER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "yes\n"
        try:
            yield process
        finally:
            process.kill()


def threads(threads: int = 0, device: str = "cpu") -> int:
    with sharing_cores(device, threads):
        return torch.get_num_threads()


@pytest.mark.usefixtures("four_cores")
def test_processes_share_the_cores_and_one_that_is_killed_gives_its_share_back() -> None:
    before, others = torch.get_num_threads(), n_measuring()
    if others:
        pytest.skip("something measures on this machine now, and takes its share")
    assert threads() == 4
    with another() as first:
        assert threads() == 2
        with another(), another(), another():
            assert (n_measuring(), threads()) == (4, 1)
        first.kill()
        first.wait()
        assert threads() == 4
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("four_cores")
def test_what_is_set_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    assert threads(3) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert (threads(), threads(3)) == (before, 3)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads(device="cuda") == before


def test_one_process_is_counted_once_for_as_long_as_it_measures() -> None:
    before = n_measuring()
    with measuring():
        assert n_measuring() == before + 1
    assert n_measuring() == before


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(("quota", "cores"), [("max 100000", 4), ("250000 100000", 2), ("50000 100000", 1)])
def test_a_container_has_the_cores_that_it_is_granted(quota: str, cores: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert usable_cores(tmp_path / "cpu.max") == cores
    assert usable_cores(tmp_path / "absent") == 4
