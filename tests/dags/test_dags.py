"""The DAG files: thin, documented, light to parse, and wired so that a failed batch loses nothing of the others."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from carlos_tasks.errors import PassingError
from carlos_tasks.nightly.stage_reports import BatchReport
from tests.dags.fresh_airflow import read_dags

REPOSITORY = Path(__file__).parents[2]
FILES = sorted((REPOSITORY / "dags").glob("*.py"))


@pytest.fixture(scope="module")
def index_tasks(found: dict[str, Any]) -> dict[str, Any]:
    tasks: dict[str, Any] = found["dags"]["index_loras"]["tasks"]
    return tasks


def test_every_file_can_be_imported(found: dict[str, Any]) -> None:
    assert found["errors"] == {}
    assert set(found["dags"]) == {path.stem for path in FILES} >= {"discover_loras", "index_loras", "moderate_index"}


def test_parsing_imports_nothing_heavy(found: dict[str, Any]) -> None:
    assert found["heavy"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_wiring_and_no_more(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 100


def test_the_docstring_of_the_file_is_the_documentation(found: dict[str, Any]) -> None:
    for name, dag in found["dags"].items():
        assert dag["doc"].startswith(f"### {name}: ")
        # From any of them a reader finds the way to the others.
        assert [other for other in found["dags"] if other != name and f"`{other}`" in dag["doc"]], name
    assert {other for dag in found["dags"].values() for other in found["dags"] if f"`{other}`" in dag["doc"]} == set(
        found["dags"]
    )


def test_the_documentation_names_every_stage(found: dict[str, Any], index_tasks: dict[str, Any]) -> None:
    doc = found["dags"]["index_loras"]["doc"]
    assert [task for task in index_tasks if f"`{task}`" not in doc] == ["finished"]


def test_one_run_at_a_time_so_that_no_lora_is_planned_twice(found: dict[str, Any]) -> None:
    # Of those that wait for a person one decides in the pool of commits, and one releases only what was approved.
    waiting = {"decide_batch", "report_transparency"}
    assert {dag["max_active_runs"] for name, dag in found["dags"].items() if name not in waiting} == {1}
    assert all(found["dags"][name]["max_active_runs"] > 1 for name in waiting)
    assert not any(dag["catchup"] for dag in found["dags"].values())


def test_the_device_and_the_committer_have_their_pools(index_tasks: dict[str, Any]) -> None:
    by_pool: dict[str, set[str]] = {}
    for name, task in index_tasks.items():
        by_pool.setdefault(task["pool"], set()).add(name)
    assert by_pool["gpu"] == {"make_baseline", "index_batch"}
    commits = {"commit_intake", "describe_weights", "note_failure", "commit_index", "clean_up"}
    assert by_pool["lake_commit"] == commits
    pools = json.loads((REPOSITORY / "dags" / "pools.json").read_text())
    assert set(by_pool) == {*pools, "default_pool"}
    assert pools["lake_commit"]["slots"] == 1


def test_what_waits_for_a_worker_of_the_device_holds_one_of_its_slots(tmp_path: Path) -> None:
    """Or more are queued there than workers take, and Airflow fails them after a while."""
    for dag in read_dags(tmp_path, CARLOS_GPU_QUEUE="gpu", CARLOS_REFERENCES="/styles/house")["dags"].values():
        for task in dag["tasks"].values():
            assert (task["queue"] == "gpu") == (task["pool"] == "gpu")


def test_tasks_of_the_device_end_within_their_time(index_tasks: dict[str, Any], tmp_path: Path) -> None:
    on_device = ("make_baseline", "index_batch")
    assert {index_tasks[name]["timeout"] for name in on_device} == {3600}
    longer = read_dags(tmp_path, CARLOS_TASK_MINUTES="90")["dags"]["index_loras"]["tasks"]
    assert {longer[name]["timeout"] for name in on_device} == {5400}


def test_passing_errors_are_retried_with_back_off_and_permanent_ones_never(found: dict[str, Any]) -> None:
    for dag in found["dags"].values():
        for task in dag["tasks"].values():
            assert task["retries"] == 3
            assert task["retry_delay"] == 30
            assert task["retry_exponential_backoff"] == 2
            # the first rule that fits: of our own errors only the passing ones are tried again
            assert task["policy"] == [
                ["carlos_tasks.errors.PassingError", "default"],
                ["carlos_tasks.errors.CarlosError", "fail"],
            ]


@pytest.mark.parametrize(("left", "try_number", "goes_on"), [(2, 1, True), (2, 4, False), (0, 1, False)])
def test_what_a_task_leaves_for_want_of_time_is_for_its_next_try_and_then_for_the_next_plan(
    left: int, try_number: int, goes_on: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(REPOSITORY / "dags")
    from index_loras import index_loras

    report = BatchReport(lora_ids=("a",), embedded=1, unpatched=0, failed=0, copied=0, images=4, left=left, seconds=1.0)
    monkeypatch.setattr("carlos_tasks.nightly.stages.index_batch", lambda settings, manifest, minutes: report)
    index_batch = index_loras().get_task("index_batch").python_callable
    instance = SimpleNamespace(try_number=try_number, max_tries=3)
    with pytest.raises(PassingError, match="2 LoRAs are left") if goes_on else nullcontext():
        assert index_batch("plans/p/0000.json", ti=instance)["left"] == left


def test_a_failed_batch_does_not_stop_the_commit_but_fails_the_run(index_tasks: dict[str, Any]) -> None:
    assert index_tasks["index_batch"]["mapped"]
    commit, finished = index_tasks["commit_index"], index_tasks["finished"]
    assert commit["trigger_rule"].lower().endswith("all_done_min_one_success")
    assert "index_batch" in commit["upstream"]
    assert finished["trigger_rule"].lower().endswith("none_failed")
    last = {"run_checks", "contact_sheet", "clean_up"}
    assert set(finished["upstream"]) == {"make_baseline", "index_batch", "commit_index", *last}
    leaves = set(index_tasks) - {name for task in index_tasks.values() for name in task["upstream"]}
    assert leaves == {"finished", "note_failure"}


def test_a_profile_that_fails_stops_no_other(index_tasks: dict[str, Any]) -> None:
    of_profiles = {"make_baseline", "commit_index", "contact_sheet"}
    assert {name for name, task in index_tasks.items() if task["mapped"]} == of_profiles | {"index_batch"}
    after = {"with_baseline", "commit_index", "contact_sheet", "run_checks", "clean_up"}
    rules = {name for name in after if index_tasks[name]["trigger_rule"].lower().endswith("all_done_min_one_success")}
    assert rules == after
    assert index_tasks["with_baseline"]["upstream"] == ["make_baseline", "plan"]
    assert index_tasks["index_batch"]["upstream"] == ["with_baseline"]


def test_the_weekly_and_following_dags_have_a_task_for_each_profile(tmp_path: Path) -> None:
    found = read_dags(tmp_path, CARLOS_PROFILES="micro-without-triggers sdxl-paper", CARLOS_REFERENCES="/styles/house")
    assert (found["errors"], found["heavy"]) == ({}, [])
    mapped = {"moderate_index": {"score_concepts", "report_moderation"}}
    mapped |= {"evaluate_index": {"evaluate"}, "attribute_references": {"attribute"}}
    for dag, names in mapped.items():
        assert {name for name, task in found["dags"][dag]["tasks"].items() if task["mapped"]} == names


def test_a_shard_that_cannot_be_read_is_noted_whichever_way_its_task_ended(index_tasks: dict[str, Any]) -> None:
    note = index_tasks["note_failure"]
    assert note["upstream"] == ["commit_intake", "ingest"]
    assert note["trigger_rule"].lower().endswith("one_failed")


def test_each_source_is_looked_at_by_itself_and_one_that_fails_fails_the_run(found: dict[str, Any]) -> None:
    tasks = found["dags"]["discover_loras"]["tasks"]
    assert {name for name, task in tasks.items() if task["mapped"]} == {"announce_shards"}
    # What one source announces is in the queue at once: it is counted before any of them does.
    assert tasks["announce_shards"]["upstream"] == ["count_queued"]
    assert tasks["announce_backlog"]["trigger_rule"].lower().endswith("all_done")
    assert tasks["announce_backlog"]["upstream"] == ["announce_shards", "count_queued"]
    # A run ends as its last tasks do: with this one, a source that failed is seen.
    assert tasks["finished"]["upstream"] == ["announce_shards"]
    assert tasks["finished"]["trigger_rule"].lower().endswith("none_failed")
    leaves = set(tasks) - {name for task in tasks.values() for name in task["upstream"]}
    assert leaves == {"finished", "announce_backlog"}


def test_the_queue_and_the_delay_come_from_the_settings(tmp_path: Path) -> None:
    tasks = read_dags(tmp_path, CARLOS_GPU_QUEUE="gpu", CARLOS_RETRY_DELAY_S="5")["dags"]["index_loras"]["tasks"]
    assert {name for name, task in tasks.items() if task["queue"] == "gpu"} == {"make_baseline", "index_batch"}
    assert {task["retry_delay"] for task in tasks.values()} == {5}
