"""Following runs on the terminal: each end of a task is said once, and a failure brings the log with it."""

import io
from typing import Any

import pytest
from rich.console import Console

from carlos_tasks.errors import CarlosError
from carlos_tasks.stack import follow as following
from carlos_tasks.stack.follow import follow, follow_to_success, wait_for_runs

TRY = {"try_number": 1, "duration": 2.5}


class Scripted:
    """Airflow's API as a list of moments: the state of one run and of its tasks, one moment per question."""

    def __init__(self, *moments: tuple[str, dict[str, str]]) -> None:
        self._moments = iter(moments)
        self._tasks: dict[str, str] = {}

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        state, self._tasks = next(self._moments)
        return {"dag_id": dag_id, "dag_run_id": run_id, "partition_key": "models/1.json", "state": state}

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return [
            {
                "task_id": name,
                "map_index": 3 if name == "batch" else -1,
                "try_number": 1,
                "state": state,
                "duration": 2.5,
            }
            for name, state in self._tasks.items()
        ]

    def log(self, *_: Any) -> str:
        return "[/a line] that is no markup\nthe reason"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_POLL_S", 0.2)


def shown(api: Any, is_terminal: bool = False) -> str:
    out = io.StringIO()
    follow(api, "index_loras", ["run"], Console(file=out, width=100, force_terminal=is_terminal))
    return out.getvalue()


def test_each_end_of_a_task_is_one_line() -> None:
    api = Scripted(
        ("running", {"plan": "running"}),
        ("running", {"plan": "success", "batch": "running"}),
        ("running", {"plan": "success", "batch": "up_for_retry"}),
        ("success", {"plan": "success", "batch": "success"}),
    )
    lines = [line.split() for line in shown(api).splitlines()]
    assert lines == [
        ["models/1.json", "plan", "success", "2.5", "s"],
        ["models/1.json", "batch", "0003", "up_for_retry", "2.5", "s"],
        ["models/1.json", "batch", "0003", "success", "2.5", "s"],
    ]


def test_a_terminal_gets_a_bar_with_what_runs_now() -> None:
    api = Scripted(("running", {"plan": "success", "batch": "running"}), ("success", {"plan": "success"}))
    assert "1/2" in shown(api, is_terminal=True)


def test_a_failed_run_brings_the_log_of_the_task_that_failed() -> None:
    moment = ("failed", {"plan": "success", "batch": "failed"})
    with pytest.raises(CarlosError, match=r"(?s)index_loras failed: batch 0003.*\[/a line\] that.*the reason"):
        follow_to_success(Scripted(moment, moment), "index_loras", ["run"], Console(file=io.StringIO()))  # type: ignore[arg-type]


def test_runs_that_were_there_before_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Runs:
        def runs(self, _: str) -> list[dict[str, str]]:
            return [{"dag_run_id": "old"}, {"dag_run_id": "new"}]

    api: Any = Runs()
    assert wait_for_runs(api, "index_loras", 1, known=["old"]) == ["new"]
    monkeypatch.setattr(following, "_PATIENCE_S", 0)
    with pytest.raises(CarlosError, match="got 1 runs in 0 s, 2 were announced"):
        wait_for_runs(api, "index_loras", 2, known=["old"])
