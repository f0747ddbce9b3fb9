"""`care_for_lake` as Airflow reads it, and its tasks called as Airflow calls them, on a lake."""

from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.care.archive import backup_ids
from carlos_tasks.lake.catalog import connect
from carlos_tasks.settings import Settings, load_settings
from carlos_tasks.store import open_store
from tests.dags.fresh_airflow import REPOSITORY
from tests.sql.lake_rows import fill


def test_it_cares_one_step_after_the_other_and_backs_up_in_any_case(found: dict[str, Any]) -> None:
    assert found["errors"] == {}
    dag = found["dags"]["care_for_lake"]
    tasks = dag["tasks"]
    assert {name: task["upstream"] for name, task in tasks.items()} == {
        "compact": [],
        "expire": ["compact"],
        "clean": ["expire"],
        "back_up": ["clean"],
        "finished": ["back_up", "clean"],
    }
    assert {name for name, task in tasks.items() if task["pool"] == "lake_commit"} == {"compact", "expire", "clean"}
    assert tasks["back_up"]["trigger_rule"].lower().endswith("all_done")
    assert tasks["finished"]["trigger_rule"].lower().endswith("none_failed")
    assert dag["max_active_runs"] == 1 and not dag["catchup"]


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Settings) -> Any:
    """The functions of its tasks, for the lake of the settings."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("CARLOS_STORE", settings.store)
    monkeypatch.setenv("CARLOS_CATALOG", settings.catalog)
    monkeypatch.syspath_prepend(REPOSITORY / "dags")
    from care_for_lake import care_for_lake

    dag = care_for_lake()
    return lambda name: dag.get_task(name).python_callable


def test_its_tasks_on_a_lake(tasks: Any, made: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

    with connect(made, read_only=False) as con:
        for _ in range(65):
            fill(con, {"core.compared": [{}]})
    assert tasks("compact")() == {"core.compared": 65}
    assert tasks("expire")() == tasks("clean")() == []  # all of it is young
    with pytest.raises(AirflowSkipException, match="CARLOS_BACKUP is empty"):
        tasks("back_up")()
    monkeypatch.setenv("CARLOS_BACKUP", str(tmp_path / "backups"))
    load_settings.cache_clear()
    assert tasks("back_up")()["backup_id"] in backup_ids(open_store(str(tmp_path / "backups")))
    with connect(made) as con:
        ((lost,),) = con.execute(
            "select data_file from ducklake_list_files('carlos', 'compared', schema => 'core')"
        ).fetchall()
    Path(lost).unlink()
    with pytest.raises(AirflowFailException, match="is made, but 1 objects that the lake names are missing"):
        tasks("back_up")()
