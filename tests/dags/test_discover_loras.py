"""`discover_loras` under Airflow's own runner, over three sources, one of which is not there."""

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.intake.partitions import partition_of, read_partition
from carlos_tasks.nightly.stages import commit_intake, ingest
from carlos_tasks.settings import Settings
from tests.sources.bad_server import Server, serving
from tests.sources.models import a_model

pytestmark = pytest.mark.end_to_end

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Airflow:
    """An Airflow home with the project's DAGs."""

    home: Path

    def run(self, *words: str, sources: str = "") -> str:
        """Run a command of Airflow; returns what it printed."""
        settings = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "CARLOS_CATALOG": f"sqlite:{self.home}/catalog.sqlite",
            "CARLOS_RETRY_DELAY_S": "0",
            "CARLOS_SOURCES": sources,
            "CARLOS_STORE": str(self.home / "store"),
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(REPOSITORY),
        }
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    @property
    def settings(self) -> Settings:
        """Those of the lake that the DAGs see."""
        return Settings(catalog=f"sqlite:{self.home}/catalog.sqlite", store=str(self.home / "store"))

    def rows(self, question: str) -> list[Any]:
        """Rows of Airflow's own database."""
        with sqlite3.connect(self.home / "airflow.db") as con:
            return con.execute(question).fetchall()

    def states(self) -> dict[str, list[str]]:
        """States of the newest run's tasks, in the order of the sources."""
        newest = "select run_id from dag_run order by id desc limit 1"
        rows = self.rows(
            f"select task_id, state from task_instance where run_id = ({newest}) order by task_id, map_index"  # noqa: S608
        )
        return {name: [state for task, state in rows if task == name] for name in {task for task, _ in rows}}

    def partitions(self) -> set[str]:
        """The partition keys that were announced."""
        return {key for (key,) in self.rows("select partition_key from asset_event")}


@pytest.fixture
def airflow(tmp_path: Path) -> Airflow:
    found = Airflow(tmp_path / "airflow")
    found.home.mkdir()
    found.run("db", "migrate")
    return found


def test_a_source_that_fails_stops_no_other_and_what_is_read_is_not_announced_again(
    airflow: Airflow, tmp_path: Path
) -> None:
    (tmp_path / "dump" / "models").mkdir(parents=True)
    (tmp_path / "dump" / "models" / "00001.json").write_text(json.dumps({"items": [a_model()]}))
    dump = f"civitai-dump:{tmp_path}/dump"
    with serving(Server()) as server:
        server.models = [a_model()]
        live, broken = f"civitai:{server.address}", "hub:https://127.0.0.1"  # it does not say what to list
        sources = f"{dump} {broken} {live}"
        airflow.run("dags", "test", "discover_loras", sources=sources)
        assert airflow.rows("select state from dag_run") == [("failed",)]
        assert airflow.states() == {
            "count_queued": ["success"],
            "announce_shards": ["success", "failed", "success"],
            "announce_backlog": ["skipped"],
            "finished": ["upstream_failed"],
        }
        announced = airflow.partitions()
        assert partition_of(dump, "models/00001.json") in announced
        assert len(announced) == 2 and any(key.startswith(f"{live}!2") for key in announced)

        for source, shard in filter(None, map(read_partition, announced)):
            commit_intake(airflow.settings, ingest(airflow.settings, source, shard).intake_key)
        server.requests = []
        said = airflow.run("dags", "test", "discover_loras", sources=f"{dump} {live}")
        assert airflow.states() == {
            "count_queued": ["success"],
            "announce_shards": ["skipped", "skipped"],
            "announce_backlog": ["skipped"],
            "finished": ["success"],
        }
        assert said.count("Nothing to do") == 3
        assert len(server.requests) == 1
        assert airflow.partitions() == announced
