"""Waiting for what a scheduler does in its own time."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console

from carlos_tasks.stack.api import ENDED
from carlos_tasks.stack.follow import follow_to_success, wait_for_runs, why_failed

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


def discover(stack: "Stack", console: Console) -> tuple[str, list[str]]:
    """Run `discover_loras` by hand; returns its run and the runs of `index_loras` that it caused."""
    known = [run["dag_run_id"] for run in stack.api.runs("index_loras")]
    run_id, n_partitions = announce(stack, console)
    return run_id, wait_for_runs(stack.api, "index_loras", n_partitions, known)


def announce(stack: "Stack", console: Console) -> tuple[str, int]:
    """Run `discover_loras` by hand; returns its run, and how many partitions it announced."""
    run_id = stack.api.trigger("discover_loras")
    follow_to_success(stack.api, "discover_loras", [run_id], console)
    told = (
        stack.api.returned("discover_loras", run_id, "announce_shards", map_index=0),
        stack.api.returned("discover_loras", run_id, "announce_backlog"),
    )
    return run_id, sum(announced["n_partitions"] for announced in told if announced)
