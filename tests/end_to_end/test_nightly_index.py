"""Two nights of the index, with everything going wrong that can: a killed worker, a batch that never gets through.

The tests of a class share what its first fixture did and stand in the order of the story.
"""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from carlos_tasks.lake.catalog import connect
from carlos_tasks.profiles.profile import load_profile
from carlos_tasks.settings import Settings
from carlos_tasks.stack.airflow_local import carlos_settings
from carlos_tasks.stack.follow import follow, follow_to_success
from tests.end_to_end.conftest import SOURCE, Stack
from tests.end_to_end.waiting import discover, running_batch, wait_until

pytestmark = pytest.mark.end_to_end

REPRESENTATIONS = "select * exclude (computed_at) from core.representation order by lora_id"
EMBEDDINGS = "select * from core.embedding order by lora_id, prompt_id, seed"


class TestAWorkerIsKilled:
    """kill -9 in the middle of a batch, and a retry."""

    def test_it_died_between_two_shards_and_was_tried_again(self, stack: Stack, first_night: dict[str, Any]) -> None:
        tries = [
            task["try_number"]
            for task in stack.api.tasks("index_loras", first_night["run_id"])
            if task["task_id"] == "index_batch"
        ]
        assert tries == [2]
        assert 0 < len(first_night["left_behind"]) < 2 * 4

    def test_the_result_is_that_of_an_undisturbed_run_to_the_last_bit(
        self, stack: Stack, first_night: dict[str, Any], profile_file: Path, tmp_path: Path
    ) -> None:
        undisturbed = {
            **carlos_settings(stack.layout),
            "CARLOS_STORE": str(tmp_path / "store"),
            "CARLOS_CATALOG": f"sqlite:{tmp_path}/catalog.sqlite",
            "OMP_NUM_THREADS": "1",
        }
        source = f"civitai-dump:{stack.dumps['models/00001.json']}"
        command = [sys.executable, "-m", "carlos_tasks.cli", "index", source]
        subprocess.run(command, env={**os.environ, **undisturbed}, check=True, capture_output=True)
        settings = Settings(
            store=undisturbed["CARLOS_STORE"], catalog=undisturbed["CARLOS_CATALOG"], profile=str(profile_file)
        )
        with connect(settings) as con:
            for question in (REPRESENTATIONS, EMBEDDINGS):
                expected = con.execute(question).to_arrow_table().to_pylist()
                assert len(expected) >= 2
                assert stack.sql(question) == expected

    def test_nothing_is_twice_in_the_lake(self, stack: Stack, first_night: dict[str, Any], profile_file: Path) -> None:
        n_pairs = len(load_profile(str(profile_file)).pairs())
        rows = stack.sql(
            "select lora_id, count(*) as n, count(distinct (prompt_id, seed)) as n_keys "
            "from core.embedding group by all"
        )
        assert [(row["n"], row["n_keys"]) for row in rows] == [(n_pairs, n_pairs)] * 3
        assert stack.sql("select lora_id from core.representation group by all having count(*) > 1") == []

    def test_what_was_refused_is_a_row_and_lies_in_quarantine(self, stack: Stack, first_night: dict[str, Any]) -> None:
        [row] = stack.sql("select reason, quarantine_key from raw.rejection")
        assert row["reason"] == "pickle"
        assert stack.objects(row["quarantine_key"].rstrip("/") + "*")

    def test_the_contact_sheet_is_drawn(self, stack: Stack, first_night: dict[str, Any]) -> None:
        [sheet] = stack.objects("reports/contact-sheet-*.png")
        assert sheet.read_bytes().startswith(b"\x89PNG")


class TestNothingIsNew:
    """A second discovery over the same dump."""

    def test_it_does_nothing_and_says_so(self, stack: Stack, first_night: dict[str, Any], console: Console) -> None:
        before = stack.sql("select max(snapshot_id) as newest from mart.commit_log")
        run_id, caused = discover(stack, console)
        assert caused == []
        assert "Nothing to do" in stack.api.log("discover_loras", run_id, "announce_shards", map_index=0)
        states = {task["task_id"]: task["state"] for task in stack.api.tasks("discover_loras", run_id)}
        nothing = dict.fromkeys(("announce_shards", "announce_backlog"), "skipped")
        assert states == nothing | dict.fromkeys(("count_queued", "finished"), "success")
        assert stack.sql("select max(snapshot_id) as newest from mart.commit_log") == before

    def test_a_shard_that_is_taken_in_again_changes_nothing(
        self, stack: Stack, first_night: dict[str, Any], console: Console
    ) -> None:
        tables = (
            "select (select count(*) from raw.listing), (select count(*) from raw.rejection), count(*) from core.lora"
        )
        before = stack.sql(tables)
        run_id = stack.api.trigger("index_loras", partition_key=f"{SOURCE}!models/00001.json")
        follow_to_success(stack.api, "index_loras", [run_id], console)
        states = {task["task_id"]: task["state"] for task in stack.api.tasks("index_loras", run_id)}
        assert (states["ingest"], states["plan"], states["commit_index"]) == ("success", "skipped", "skipped")
        assert "Nothing to do" in stack.api.log("index_loras", run_id, "plan")
        assert stack.sql(tables) == before


@pytest.fixture(scope="session")
def second_night(stack: Stack, first_night: dict[str, Any], console: Console) -> str:
    """A new shard; the first of its two batches is killed at every try, and the run ends."""
    stack.publish("models/00002.json")
    _, [run_id] = discover(stack, console)
    for try_number in range(1, 5):
        task = wait_until(f"try {try_number}", partial(running_batch, stack, run_id, try_number))
        os.kill(wait_until("its process", partial(stack.process_of, task), pause_s=0.05), signal.SIGKILL)
    [run] = follow(stack.api, "index_loras", [run_id], console)
    assert run["partition_key"] == f"{SOURCE}!models/00002.json"
    return run_id


class TestABatchNeverGetsThrough:
    """One of two batches fails for good; the next night makes up for it."""

    def test_the_run_is_marked_failed(self, stack: Stack, second_night: str) -> None:
        assert stack.api.run("index_loras", second_night)["state"] == "failed"

    def test_what_the_other_batch_measured_is_in_the_lake(self, stack: Stack, second_night: str) -> None:
        states = {
            (task["task_id"], task["map_index"]): task["state"] for task in stack.api.tasks("index_loras", second_night)
        }
        assert (states["index_batch", 0], states["index_batch", 1]) == ("failed", "success")
        assert (states["commit_index", 0], states["run_checks", -1]) == ("success", "success")
        [health] = stack.sql("from mart.index_health")
        assert (health["n_loras"], health["n_measured"], health["n_backlog"]) == (5, 3, 2)

    def test_the_next_discovery_sends_the_rest_through(self, stack: Stack, second_night: str, console: Console) -> None:
        _, [run_id] = discover(stack, console)
        follow_to_success(stack.api, "index_loras", [run_id], console)
        assert stack.api.run("index_loras", run_id)["partition_key"].startswith("backlog/")
        [health] = stack.sql("from mart.index_health")
        assert (health["n_measured"], health["n_backlog"]) == (5, 0)
        assert discover(stack, console)[1] == []


class TestTheExplorer:
    """The plugin's page in the real web server."""

    def test_airflow_has_loaded_the_plugin(self, stack: Stack) -> None:
        assert "carlos" in {plugin["name"] for plugin in stack.api.get("/plugins")["plugins"]}
        assert stack.api.get("/plugins/importErrors")["total_entries"] == 0

    def test_without_a_login_it_answers_401(self, stack: Stack, first_night: dict[str, Any]) -> None:
        for path in ("/carlos/", "/carlos/static/explorer.css", "/carlos/anything"):
            assert httpx.get(f"{stack.api.address}{path}", trust_env=False).status_code == 401

    def test_with_a_login_it_shows_the_index(self, stack: Stack, first_night: dict[str, Any]) -> None:
        login = {"username": "admin", "password": stack.state.airflow_password}
        answer = httpx.post(f"{stack.api.address}/auth/token", json=login, trust_env=False)
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        page = httpx.get(f"{stack.api.address}/carlos/", headers=headers, trust_env=False, timeout=60)
        assert page.status_code == 200
        assert "Profile small" in page.text
