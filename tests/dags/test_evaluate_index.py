"""`evaluate_index` as Airflow reads it, and its task called as Airflow calls it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import NotFound
from carlos_tasks.evaluation.stored import KeptEvaluation

REPOSITORY = Path(__file__).parents[2]


def test_it_runs_where_the_encoder_is_and_ends_within_the_hour(found: dict[str, Any]) -> None:
    assert found["errors"] == {}
    dag = found["dags"]["evaluate_index"]
    assert set(dag["tasks"]) == {"evaluate"}
    assert (dag["tasks"]["evaluate"]["pool"], dag["tasks"]["evaluate"]["timeout"]) == ("gpu", 3600)
    assert dag["max_active_runs"] == 1 and not dag["catchup"]


@pytest.fixture
def evaluate_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The function of the task."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(REPOSITORY / "dags")
    from evaluate_index import evaluate_index

    return evaluate_index().get_task("evaluate").python_callable


@pytest.mark.parametrize("again", [False, True])
def test_a_new_report_is_returned(evaluate_task: Any, monkeypatch: pytest.MonkeyPatch, again: bool) -> None:
    kept = KeptEvaluation("p/", True, 3, ())
    asked: list[bool] = []

    def keep(settings: Any, again: bool) -> KeptEvaluation:
        asked.append(again)
        return kept

    monkeypatch.setattr("carlos_tasks.evaluation.stored.evaluate_and_keep", keep)
    assert evaluate_task("micro", params={"again": again}) == asdict(kept)
    assert asked == [again]


def test_a_state_that_has_its_report_and_an_empty_lake_end_as_skipped(
    evaluate_task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    where = "carlos_tasks.evaluation.stored.evaluate_and_keep"
    monkeypatch.setattr(where, lambda settings, again: KeptEvaluation("p/", is_new=False))
    with pytest.raises(AirflowSkipException, match="has its report at p/"):
        evaluate_task("micro", params={"again": False})

    def nothing(settings: Any, again: bool) -> Any:
        raise NotFound("nothing is measured yet")

    monkeypatch.setattr(where, nothing)
    with pytest.raises(AirflowSkipException, match="nothing is measured yet"):
        evaluate_task("micro", params={"again": False})
