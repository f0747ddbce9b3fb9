"""`moderate_index` as Airflow reads it, and its tasks called as Airflow calls them."""

from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.reports.bundles.stored import KeptReport

REPOSITORY = Path(__file__).parents[2]


def test_it_scores_before_it_reports_where_the_encoder_is(found: dict[str, Any]) -> None:
    assert found["errors"] == {}
    tasks = found["dags"]["moderate_index"]["tasks"]
    assert tasks["report_moderation"]["upstream"] == ["score_concepts"]
    assert (tasks["score_concepts"]["pool"], tasks["score_concepts"]["timeout"]) == ("gpu", 3600)


def test_it_follows_the_commit_of_the_index(found: dict[str, Any]) -> None:
    # Partitioned, since a run of a partition, as those of index_loras are, announces to no other DAG.
    assert found["dags"]["moderate_index"]["partitioned"]
    assert found["dags"]["moderate_index"]["asset"] == "representations"
    assert found["dags"]["index_loras"]["tasks"]["commit_index"]["outlets"] == ["representations"]


@pytest.fixture
def report_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The function of the task."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(REPOSITORY / "dags")
    from moderate_index import moderate_index

    return moderate_index().get_task("report_moderation").python_callable


@pytest.mark.parametrize("again", [False, True])
def test_a_new_report_is_returned(report_task: Any, monkeypatch: pytest.MonkeyPatch, again: bool) -> None:
    asked: list[bool] = []

    def store(settings: Any, *, again: bool) -> KeptReport:
        asked.append(again)
        return KeptReport("p/", True, 3, {}, "0" * 64)

    monkeypatch.setattr("carlos_tasks.reports.moderation.report.store_moderation", store)
    assert report_task("micro", params={"again": again})["n_files"] == 3
    assert asked == [again]


def test_a_state_that_has_its_report_ends_as_skipped(report_task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    where = "carlos_tasks.reports.moderation.report.store_moderation"
    monkeypatch.setattr(where, lambda settings, again: KeptReport("p/", False, 0, {}, "0" * 64))
    with pytest.raises(AirflowSkipException, match="has its report at p/"):
        report_task("micro", params={"again": False})
