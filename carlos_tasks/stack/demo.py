"""`make demo`: the nightly index over the micro world's zoo, under a real scheduler, and what came of it."""

import shutil
import time
from datetime import datetime
from typing import Any

from rich.console import Console

from carlos_tasks.console import print_table, printable
from carlos_tasks.errors import CarlosError
from carlos_tasks.settings import Settings
from carlos_tasks.stack import local
from carlos_tasks.stack.airflow_local import carlos_settings
from carlos_tasks.stack.api import AirflowApi
from carlos_tasks.stack.follow import follow_to_success, wait_for_runs
from carlos_tasks.stack.layout import HOME, SETTINGS_FILE, STORE, Layout
from carlos_tasks.stack.stack import check_can_start, running, running_stack, stop_stack
from carlos_tasks.stack.zoo import zoo_dump

QUESTIONS = ("a striped picture", "as a pencil sketch", "make it look foggy")


INDEXED = """
    select name, status, strength, consistency, n_pairs as pairs
    from mart.lora
    order by status != 'ok', status, name
"""
REFUSED = """
    select distinct listing.name, rejection.reason, rejection.detail
    from raw.rejection as rejection
    left join raw.listing as listing using (source, model_id, version_id, file_id)
    order by all
"""
QUEUED = """
    select priority, name, array_to_string(list_transform(parts, lambda part: part.detail), '; ') as reasons
    from mart.moderation_queue
"""


def run_demo(console: Console) -> None:
    """Index and moderate the zoo from nothing, print what was found, and end every process that was started.

    Raises:
        CarlosError: a stack is running already, an extra is not installed, or a run failed.
    """
    started = time.monotonic()
    check_can_start()
    layout = Layout(HOME)
    if running(layout):
        raise CarlosError("the local stack is running, and the demo begins from nothing: `make down` ends it")
    stop_stack(layout)
    shutil.rmtree(layout.home, ignore_errors=True)
    SETTINGS_FILE.unlink(missing_ok=True)

    console.rule("1. An S3 server with the dump, and Airflow", align="left")
    with zoo_dump() as dump, running_stack(layout, dump) as (state, api):
        console.print(f"Airflow answers at {api.address}, S3 at {state.aws['AWS_ENDPOINT_URL']}.", highlight=False)
        stages = {"start of the stack": time.monotonic() - started}
        console.rule("2. The nightly index: discover_loras, then index_loras", align="left")
        runs = _index(api, console)
        stages |= _seconds(api, "index_loras", runs)
        console.rule("3. Moderation follows each commit: moderate_index", align="left")
        stages |= _moderate(api, console, len(runs))
        with local.environment(carlos_settings(layout) | state.aws):
            _report(Settings(), console)
        console.rule("7. The next night", align="left")
        _discover_again(api, console)
    local.leave_settings(layout, carlos_settings(layout))
    stages["in all"] = time.monotonic() - started
    console.rule("8. Where it all lies", align="left")
    print_table(
        [{"stage": name, "seconds": round(seconds, 1)} for name, seconds in stages.items()], ("stage", "seconds")
    )
    _say_where(layout, console)


def _index(api: AirflowApi, console: Console) -> list[str]:
    """Follow the first discovery and the runs that it caused; returns those."""
    discovery = wait_for_runs(api, "discover_loras", 1)
    follow_to_success(api, "discover_loras", discovery, console)
    announced = api.returned("discover_loras", discovery[0], "announce_shards", map_index=0)
    runs = wait_for_runs(api, "index_loras", announced["n_partitions"])
    follow_to_success(api, "index_loras", runs, console)
    return runs


def _moderate(api: AirflowApi, console: Console, n_commits: int) -> dict[str, float]:
    """Follow the runs of moderation, one for each commit of the index."""
    runs = wait_for_runs(api, "moderate_index", n_commits)
    follow_to_success(api, "moderate_index", runs, console)
    return _seconds(api, "moderate_index", runs)


def _seconds(api: AirflowApi, dag_id: str, run_ids: list[str]) -> dict[str, float]:
    """Seconds that each task took in these runs together."""
    seconds: dict[str, float] = {}
    for run_id in run_ids:
        for name, spent in _seconds_by_task(api.tasks(dag_id, run_id)).items():
            seconds[name] = seconds.get(name, 0) + spent
    return seconds


def _seconds_by_task(tasks: list[dict[str, Any]]) -> dict[str, float]:
    """Seconds from the first start to the last end of each task of a run, its mapped instances together."""
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for task in tasks:
        if task["start_date"] and task["end_date"]:
            times = datetime.fromisoformat(task["start_date"]), datetime.fromisoformat(task["end_date"])
            spans.setdefault(task["task_id"], []).append(times)
    in_order = sorted(spans.items(), key=lambda span: min(span[1]))
    return {
        name: (max(end for _, end in times) - min(start for start, _ in times)).total_seconds()
        for name, times in in_order
    }


def _report(settings: Settings, console: Console) -> None:
    """What is in the lake now, three searches, and who waits for a decision."""
    from carlos_tasks.lake.catalog import connect
    from carlos_tasks.lake.faults import lake_errors
    from carlos_tasks.retrieval.search import search

    with connect(settings) as con, lake_errors():
        indexed = con.execute(INDEXED).to_arrow_table().to_pylist()
        refused = con.execute(REFUSED).to_arrow_table().to_pylist()
        queued = con.execute(QUEUED).to_arrow_table().to_pylist()
    console.rule("4. What was indexed, and what was refused", align="left")
    print_table(indexed, ("name", "status", "strength", "consistency", "pairs"))
    console.print()
    print_table(refused, ("name", "reason", "detail"))
    console.rule("5. Three searches", align="left")
    for question in QUESTIONS:
        columns = ("rank", "name", "score", "strength", "consistency")
        print_table(search(settings, question, 3), columns, bar="score", title=f"carlos search {question!r}")
        console.print()
    console.rule("6. The moderation queue", align="left")
    print_table(queued, ("priority", "name", "reasons"))


def _discover_again(api: AirflowApi, console: Console) -> None:
    """Run `discover_loras` once more: nothing is new, and what waits for a decision is measured with more pairs."""
    known = {run["dag_run_id"] for run in api.runs("index_loras")}
    run_id = api.trigger("discover_loras")
    follow_to_success(api, "discover_loras", [run_id], console)
    log = api.log("discover_loras", run_id, "announce_shards", map_index=0)
    said = [line for line in log.splitlines() if "Nothing to do" in line]
    states = {task["task_id"]: task["state"] for task in api.tasks("discover_loras", run_id)}
    further = wait_for_runs(api, "index_loras", 1, known) if states["announce_backlog"] == "success" else []
    keys = [str(api.run("index_loras", one)["partition_key"]) for one in further]
    if not said or not all(key.startswith("backlog/") for key in keys):
        raise CarlosError(f"the second discovery was to find nothing new, but {keys or 'it did not say so'}")
    follow_to_success(api, "index_loras", further, console)
    console.print(f"  {printable(said[0])}", markup=False, highlight=False, soft_wrap=True)


def _say_where(layout: Layout, console: Console) -> None:
    reports = layout.s3 / STORE.removeprefix("s3://") / "reports"
    pages = reports.glob("moderation/*/*/moderation.html")
    for name, place in {
        "contact sheet": next(reports.glob("contact-sheet-*.png"), None),
        "moderation": max(pages, key=lambda page: page.stat().st_mtime, default=None),
        "lake": f"{layout.catalog} (catalog), {layout.s3} (data)",
        "logs": layout.logs,
        "settings": SETTINGS_FILE,
    }.items():
        console.print(f"{name:<14} {place}", markup=False, highlight=False, soft_wrap=True)
    console.print("\nEvery process has ended. Next:")
    for command in ('carlos search "a striped picture"', 'carlos sql "from mart.moderation_queue"', "make up"):
        console.print(f"  {command}", markup=False, highlight=False)
