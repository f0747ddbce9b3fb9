"""What tasks of `discover_loras` and `index_loras` do with what the stages tell, called as Airflow calls them."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.intake.partitions import partition_of, read_partition
from carlos_tasks.lake.catalog import connect
from carlos_tasks.nightly.failure_reasons import failure_of, leaving_its_reason
from carlos_tasks.nightly.orchestration import LORA_SHARDS
from carlos_tasks.nightly.stage_reports import Failure
from carlos_tasks.nightly.stages import commit_intake, ingest
from carlos_tasks.settings import Settings, load_settings
from tests.sources.bad_server import Server, serving
from tests.sources.models import a_model

REPOSITORY = Path(__file__).parents[2]


class Events:
    """Stands for Airflow's accessor of outlet events: keeps the partitions that are announced."""

    def __init__(self) -> None:
        self.partitions: list[str] = []

    def __getitem__(self, asset: Any) -> "Events":
        assert asset == LORA_SHARDS
        return self

    def add_partitions(self, keys: str | list[str]) -> None:
        self.partitions += [keys] if isinstance(keys, str) else keys


class Instance:
    """Stands for a task instance: its XComs are JSON, as Airflow's are."""

    def __init__(self) -> None:
        self._xcoms: dict[str, str] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self._xcoms[key] = json.dumps(value)

    def xcom_pull(self, task_ids: list[str], key: str) -> list[Any]:
        return [None, json.loads(self._xcoms[key])] if key in self._xcoms else [None] * len(task_ids)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """The settings that the tasks read: an empty lake."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("CARLOS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("CARLOS_CATALOG", f"sqlite:{tmp_path / 'catalog.sqlite'}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.syspath_prepend(REPOSITORY / "dags")
    load_settings.cache_clear()
    yield load_settings()
    load_settings.cache_clear()


def function(dag: str, task: str) -> Any:
    """The function of a task."""
    return getattr(import_module(dag), dag)().get_task(task).python_callable


def announce(source: str, n_queued: int = 0, *, sweep: bool = False, again: bool = False) -> list[str]:
    """What `announce_shards` announces of a source."""
    from airflow.sdk.exceptions import AirflowSkipException

    events = Events()
    task = function("discover_loras", "announce_shards")
    try:
        told = task(source, n_queued, params={"sweep": sweep, "again": again}, outlet_events=events)
    except AirflowSkipException:
        assert events.partitions == []
        return []
    assert told == {"source": source, "n_partitions": len(events.partitions)}
    return events.partitions


def test_a_sweep_reaches_the_source(place: Settings) -> None:
    """It asks by id for what the listing does not have any more."""
    with serving(Server()) as server:
        server.models = [a_model(2), a_model(1)]
        source = f"civitai:{server.address}"
        for key in announce(source):
            source_uri, shard = read_partition(key) or ("", "")
            commit_intake(place, ingest(place, source_uri, shard).intake_key)
        server.models.pop()
        server.requests = []
        assert announce(source) == []
        assert len(server.requests) == 1
        assert len(announce(source, sweep=True)) == 1
        assert [path for path in server.paths if path.startswith("/api/v1/models/1")]


def test_nothing_is_announced_while_runs_wait_in_the_queue(place: Settings, tmp_path: Path) -> None:
    (tmp_path / "dump" / "models").mkdir(parents=True)
    (tmp_path / "dump" / "models" / "1.json").write_text("[]")
    source = f"civitai-dump:{tmp_path}/dump"
    assert announce(source, n_queued=1) == []
    partitions = [partition_of(source, "models/1.json")]
    assert announce(source) == announce(source) == partitions
    commit_intake(place, ingest(place, source, "models/1.json").intake_key)
    assert announce(source) == []
    assert announce(source, again=True) == partitions


def test_a_shard_that_cannot_be_read_is_noted_with_what_its_task_left(place: Settings) -> None:
    source, instance = "hub:https://127.0.0.1", Instance()  # it does not say what to list
    run = type("Run", (), {"partition_key": partition_of(source, "page")})
    with pytest.raises(Exception, match="hub") as raised:
        function("index_loras", "ingest")(dag_run=run, ti=instance)
    function("index_loras", "note_failure")(dag_run=run, ti=instance)
    with connect(place) as con:
        noted = con.execute("select source_uri, shard_key, reason, detail from raw.shard_failure").fetchall()
    assert noted == [(source, "page", type(raised.value).__name__, str(raised.value))]


def test_a_task_that_was_killed_left_no_reason() -> None:
    assert failure_of(Instance(), "ingest", "commit_intake").reason == "killed"
    instance = Instance()
    with leaving_its_reason(instance):
        pass
    assert failure_of(instance, "ingest").reason == "killed"
    with pytest.raises(ValueError, match="why"), leaving_its_reason(instance):
        raise ValueError("why")
    assert failure_of(instance, "ingest", "commit_intake") == Failure("ValueError", "why")
