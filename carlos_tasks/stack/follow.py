"""Show runs on the terminal until they end: a bar per run, a line per finished task."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from carlos_tasks.console import printable
from carlos_tasks.errors import CarlosError
from carlos_tasks.stack.api import ENDED, AirflowApi

_DONE = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_PATIENCE_S = 180
_POLL_S = 1.0
_COLOUR = {"success": "green", "failed": "red", "skipped": "yellow", "up_for_retry": "magenta"}


@dataclass
class _Shown:
    """A run on the terminal: its bar, and the state of each task that a line has been printed for."""

    bar: TaskID
    printed: dict[tuple[str, int, int], str]


def follow(api: AirflowApi, dag_id: str, run_ids: Sequence[str], console: Console) -> list[dict[str, Any]]:
    """Wait until these runs of one DAG have ended; returns the runs.

    A terminal gets a bar per run; any output gets a line when a task has ended or will be tried again.
    """
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        shown = {run_id: _Shown(progress.add_task(dag_id, total=None), {}) for run_id in run_ids}
        while True:
            runs = [api.run(dag_id, run_id) for run_id in run_ids]
            for run in runs:
                _show(progress, shown[run["dag_run_id"]], run, api.tasks(dag_id, run["dag_run_id"]))
            if all(run["state"] in ENDED for run in runs):
                return runs
            time.sleep(_POLL_S)


def follow_to_success(api: AirflowApi, dag_id: str, run_ids: Sequence[str], console: Console) -> None:
    """Wait until these runs have ended.

    Raises:
        CarlosError: one failed; the message has the last lines that its failed task logged.
    """
    for run in follow(api, dag_id, run_ids, console):
        if run["state"] == "failed":
            raise CarlosError(f"{dag_id} failed: {why_failed(api, dag_id, run['dag_run_id'])}")


def wait_for_runs(api: AirflowApi, dag_id: str, n: int, known: Collection[str] = ()) -> list[str]:
    """Wait until the scheduler has made `n` runs of this DAG that are not among `known`; returns their ids.

    Raises:
        CarlosError: it did not.
    """
    give_up = time.monotonic() + _PATIENCE_S
    while len(new := [run["dag_run_id"] for run in api.runs(dag_id) if run["dag_run_id"] not in known]) < n:
        if time.monotonic() > give_up:
            raise CarlosError(f"{dag_id} got {len(new)} runs in {_PATIENCE_S} s, {n} were announced")
        time.sleep(_POLL_S)
    return new


def why_failed(api: AirflowApi, dag_id: str, run_id: str) -> str:
    """The failed task of a run and the end of its log."""
    for task in api.tasks(dag_id, run_id):
        if task["state"] == "failed":
            log = api.log(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])
            return f"{_name(task)}\n" + "\n".join(log.splitlines()[-25:])
    return "no task of it did"


def _show(progress: Progress, shown: _Shown, run: dict[str, Any], tasks: list[dict[str, Any]]) -> None:
    label = printable(str(run["partition_key"] or run["dag_id"]))
    running = ", ".join(_name(task) for task in tasks if task["state"] == "running")
    done = sum(task["state"] in _DONE for task in tasks)
    description = f"{escape(label)} [dim]{escape(running or run['state'])}[/]"
    progress.update(shown.bar, total=len(tasks) or None, completed=done, description=description)
    for task in tasks:
        state, key = task["state"], (task["task_id"], task["map_index"], task["try_number"])
        if state in _COLOUR and shown.printed.get(key) != state:
            shown.printed[key] = state
            took = f"{task['duration']:6.1f} s" if task["duration"] else ""
            line = f"  {escape(label)}  {escape(_name(task)):<18} [{_COLOUR[state]}]{state:<7}[/] {took}"
            progress.console.print(line, highlight=False)


def _name(task: dict[str, Any]) -> str:
    """`index_batch 0003` for the fourth mapped instance."""
    return task["task_id"] if task["map_index"] < 0 else f"{task['task_id']} {task['map_index']:04d}"
