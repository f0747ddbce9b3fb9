"""How the local stack runs its tasks."""

import os
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.stack.processes import members
from tests.end_to_end.conftest import Stack

pytestmark = pytest.mark.end_to_end


def test_workers_are_forked_from_one_process_that_has_torch_and_no_second_thread(
    stack: Stack, first_night: dict[str, Any]
) -> None:
    """A fork copies one thread: another one could hold a lock then, which nobody in the copy would ever release."""
    scheduler = next(process for process in stack.state.processes if process.name == "scheduler")
    [server] = [pid for pid in members(scheduler) if "forkserver import" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert "libtorch" in Path(f"/proc/{server}/maps").read_text()
    assert len(os.listdir(f"/proc/{server}/task")) == 1
