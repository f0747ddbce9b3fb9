"""Processes of the stack: whole sessions end, strangers never do."""

import dataclasses
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carlos_tasks.errors import CarlosError
from carlos_tasks.stack.processes import Started, is_running, members, start, stop, tail

# A process that has a child in a process group of its own, as Airflow's tasks are.
WITH_CHILD = """
import os, time
if os.fork() == 0:
    os.setpgid(0, 0)
    print("child", flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""


def run(code: str, log: Path) -> Started:
    return start("test", [sys.executable, "-c", code], os.environ, log)


def wait_for(text: str, log: Path) -> None:
    give_up = time.monotonic() + 20
    while text not in log.read_text():
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.02)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Started]:
    log = tmp_path / "log"
    process = run(WITH_CHILD, log)
    wait_for("child", log)
    yield process
    stop([process], patience_s=0)


def test_a_session_ends_whole_children_in_other_groups_included(family: Started) -> None:
    assert len(members(family)) == 2
    stop([family])
    assert members(family) == []
    assert not is_running(family)


def test_children_are_found_after_their_parent_has_ended(family: Started) -> None:
    os.kill(family.pid, 9)
    while is_running(family):
        time.sleep(0.02)
    assert len(members(family)) == 1
    stop([family])
    assert members(family) == []


def test_what_does_not_listen_is_killed(tmp_path: Path) -> None:
    process = run(STUBBORN, tmp_path / "log")
    wait_for("deaf", tmp_path / "log")
    stop([process], patience_s=0.2)
    assert not is_running(process)


@pytest.mark.parametrize("change", [{"start_ticks": 1}, {"boot": "another boot"}])
def test_a_process_that_only_has_the_same_number_is_left_alone(family: Started, change: dict[str, object]) -> None:
    other = dataclasses.replace(family, **change)  # type: ignore[arg-type]
    assert not is_running(other)
    stop([other])
    assert is_running(family)


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    # it stays until it is ended: one that ended by itself could be gone before it is noted down
    process = run("import sys, time; print('out', flush=True); print('err', file=sys.stderr); time.sleep(60)", log)
    wait_for("err", log)
    stop([process], patience_s=0)
    assert tail(log) == "out\nerr"
    assert tail(log, lines=1) == "err"


def test_what_cannot_be_started_says_so(tmp_path: Path) -> None:
    with pytest.raises((CarlosError, FileNotFoundError)):
        start("nothing", ["/no/such/program"], {}, tmp_path / "log")
