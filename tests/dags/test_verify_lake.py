"""`verify_lake` as Airflow reads it, and its tasks called as Airflow calls them, on a lake."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from carlos_tasks.settings import Settings
from carlos_tasks.store import open_store
from tests.commit.small_index import small_profile
from tests.verification.test_verify import Lake

REPOSITORY = Path(__file__).parents[2]


def test_it_looks_once_a_week_and_records_what_every_batch_found(found: dict[str, Any]) -> None:
    assert found["errors"] == {}
    dag = found["dags"]["verify_lake"]
    tasks = dag["tasks"]
    assert set(tasks) == {"plan", "verify_batch", "record"}
    assert {name: task["pool"] for name, task in tasks.items()} == {
        "plan": "lake_commit",
        "verify_batch": "default_pool",
        "record": "lake_commit",
    }
    assert tasks["verify_batch"]["mapped"] and tasks["verify_batch"]["upstream"] == ["plan"]
    assert "verify_batch" in tasks["record"]["upstream"]
    assert tasks["record"]["trigger_rule"].lower().endswith("all_success")
    assert dag["max_active_runs"] == 1 and not dag["catchup"]


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings) -> Any:
    """The functions of its tasks, for the lake of the settings."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("CARLOS_STORE", settings.store)
    monkeypatch.setenv("CARLOS_CATALOG", settings.catalog)
    monkeypatch.syspath_prepend(REPOSITORY / "dags")
    from verify_lake import verify_lake

    dag = verify_lake()
    return lambda name: dag.get_task(name).python_callable


def test_a_run_with_findings_fails_and_a_run_without_says_what_it_looked_at(
    tasks: Any, settings: Settings, made: Settings, tmp_path: Path
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    lake = Lake(settings, small_profile(tmp_path / "prompts"))

    def run() -> Any:
        pushed: dict[str, str] = {}
        numbers = tasks("plan")(params={"share": 1.0}, ti=SimpleNamespace(xcom_push=pushed.__setitem__))
        looked = [tasks("verify_batch")(pushed["run_key"], number) for number in numbers]
        assert sum(part["n_loras"] for part in looked) == 5
        return tasks("record")(pushed["run_key"])

    assert run()["n_shards"] == 15
    lake.flip(lake.shard(), 700)
    with pytest.raises(AirflowFailException, match=r"1 faults were found: .*shard_damaged"):
        run()
    assert any(item.key.startswith("damaged/") for item in open_store(settings.store).list("damaged/"))
