"""Waiting for what a scheduler does in its own time."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from carlos_tasks.stack.api import ENDED
from carlos_tasks.stack.follow import why_failed

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Stack

PATIENCE_S = 240


def wait_until(what: str, found: Callable[[], Any], pause_s: float = 0.5) -> Any:
    give_up = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        assert time.monotonic() < give_up, f"waited {PATIENCE_S} s: {what}"
        time.sleep(pause_s)
    return answer


def running_batch(stack: "Stack", run_id: str, try_number: int) -> dict[str, Any] | None:
    """The first batch of a run, while it is at this try."""
    assert stack.api.run("index_loras", run_id)["state"] not in ENDED, why_failed(stack.api, "index_loras", run_id)
    for task in stack.api.tasks("index_loras", run_id):
        is_first = task["task_id"] == "index_batch" and task["map_index"] == 0
        if is_first and task["state"] == "running" and task["try_number"] == try_number:
            return task
    return None
