"""`up`, `down` and `status`: the local stack left running, and ended."""

from contextlib import nullcontext

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from carlos_tasks.stack.airflow_local import USER, carlos_settings
from carlos_tasks.stack.layout import HOME, Layout, State
from carlos_tasks.stack.local import leave_settings
from carlos_tasks.stack.processes import is_running
from carlos_tasks.stack.stack import check_can_start, running, start_stack, stop_stack
from carlos_tasks.stack.zoo import zoo_dump


def up(console: Console) -> None:
    """Start Airflow and the S3 server over what `demo` left, and leave them running.

    Where there is nothing yet, the micro world's zoo is put into the bucket, and the nightly index starts on it.
    """
    layout = Layout(HOME)
    state = running(layout)
    if state is None:
        check_can_start()
        stop_stack(layout)
        console.print("Starting the S3 server and Airflow (half a minute) …")
        with nullcontext() if layout.catalog.exists() else zoo_dump() as dump:
            state, api = start_stack(layout, dump)
        api.close()
        leave_settings(layout, carlos_settings(layout))
    _describe(console, layout, state)


def down(console: Console) -> None:
    """End what `up` started."""
    ended = stop_stack(Layout(HOME))
    console.print(f"Ended: {', '.join(ended)}." if ended else "Nothing was running.")


def status(console: Console) -> None:
    """Say what runs, and where."""
    layout = Layout(HOME)
    state = running(layout)
    if state is None:
        console.print("Nothing is running. `make up` starts Airflow and the S3 server.")
    else:
        _describe(console, layout, state)


def _describe(console: Console, layout: Layout, state: State) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in {
        "Airflow": f"http://127.0.0.1:{state.airflow_port}",
        "login": f"{USER} / {state.airflow_password}",
        "CARLoS page": f"http://127.0.0.1:{state.airflow_port}/plugin/carlos",
        "S3 server": f"{state.aws['AWS_ENDPOINT_URL']} (its keys: {layout.state_file})",
        "logs": str(layout.logs),
        "processes": ", ".join(f"{p.name} {p.pid if is_running(p) else 'ended'}" for p in state.processes),
    }.items():
        table.add_row(f"[bold]{name}[/]", escape(value))
    console.print(table)
    console.print("`make down` ends them.")
