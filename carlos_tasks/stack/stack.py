"""All of the local stack up, all of it down."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from carlos_tasks.errors import CarlosError
from carlos_tasks.extras import require
from carlos_tasks.stack import airflow_local as airflow
from carlos_tasks.stack import local
from carlos_tasks.stack.api import AirflowApi
from carlos_tasks.stack.layout import DUMP, REPOSITORY, Layout, State
from carlos_tasks.stack.processes import exiting_on_signals, free_port, is_running, stop
from carlos_tasks.stack.s3_server import find_rclone, start_s3_server
from carlos_tasks.store import open_store


def check_can_start() -> None:
    """Check that everything that the stack runs is here, before anything is made or removed.

    Raises:
        CarlosError: this is no checkout of the repository, or an extra is not installed.
    """
    if not (REPOSITORY / "dags").is_dir():
        raise CarlosError(
            "the local stack runs from a checkout of the repository, which has its DAGs: `make demo` or `make up` there"
        )
    require("the local stack", "airflow", "index")
    find_rclone()


def start_stack(
    layout: Layout, dump: Path | None = None, more: Mapping[str, str] | None = None
) -> tuple[State, AirflowApi]:
    """Start the S3 server and Airflow over what the folder holds, and let its DAGs run.

    `discover_loras` then starts by itself, for the last night that it has missed.

    Args:
        layout: where everything lies; what was there is kept.
        dump: folder that is copied into the bucket that `discover_loras` lists.
        more: variables for Airflow's processes, beside those of every stack.

    Raises:
        CarlosError: something did not start; nothing of it is left running then.
    """
    layout.make()
    state = State(airflow_port=free_port())
    try:
        _start_s3(layout, state)
        if dump is not None:
            publish(dump, state)
        env = airflow.environment(layout, state) | dict(more or {})
        airflow.migrate(layout, env)
        state.processes += airflow.start_airflow(layout, state, env)
        state.write(layout)
        api = airflow.wait_until_ready(layout, state)
        pools = json.loads((REPOSITORY / "dags" / "pools.json").read_text())
        pools["gpu"]["slots"] = airflow.GPU_SLOTS
        api.set_pools(pools)
        for dag_id in reversed(airflow.DAGS):  # what is announced to a paused DAG waits for the next night
            api.unpause(dag_id)
    except BaseException:
        stop(state.processes)
        raise
    return state, api


def stop_stack(layout: Layout) -> list[str]:
    """End the processes that were recorded, and no others; returns the names of those that still ran."""
    state = State.read(layout)
    if state is None:
        return []
    running = [process.name for process in state.processes if is_running(process)]
    stop(state.processes)
    layout.state_file.unlink()
    return running


@contextmanager
def running_stack(
    layout: Layout, dump: Path | None = None, more: Mapping[str, str] | None = None
) -> Iterator[tuple[State, AirflowApi]]:
    """A stack that ends with the block, whatever happens in it."""
    with exiting_on_signals():
        state, api = start_stack(layout, dump, more)
        try:
            with api:
                yield state, api
        finally:
            stop_stack(layout)


def running(layout: Layout) -> State | None:
    """The state of a stack of which at least one process runs."""
    state = State.read(layout)
    return state if state and any(is_running(process) for process in state.processes) else None


def publish(dump: Path, state: State) -> None:
    """Copy a dump into its bucket: the files first, then the listings that name them."""
    with local.environment(state.aws):
        store = open_store(DUMP)
        files = sorted(path for path in dump.rglob("*") if path.is_file())
        for path in sorted(files, key=lambda path: path.suffix == ".json"):
            store.upload(path, path.relative_to(dump).as_posix())


def _start_s3(layout: Layout, state: State) -> None:
    with local.environment({}):
        server = start_s3_server(layout.s3, log_file=layout.logs / "s3.log")
    state.processes.append(server.process)
    state.aws = server.environment
    state.write(layout)
