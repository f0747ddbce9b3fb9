"""`report_transparency` and `attribute_references` as Airflow reads them."""

from pathlib import Path
from typing import Any

from tests.dags.fresh_airflow import read_dags


def test_a_transparency_report_is_released_after_an_approval(found: dict[str, Any]) -> None:
    tasks = found["dags"]["report_transparency"]["tasks"]
    assert tasks["approve"]["upstream"] == ["draft"]
    assert tasks["release"]["upstream"] == ["approve", "draft"]


def test_each_reference_set_is_a_task_of_its_own_where_the_encoder_is(found: dict[str, Any]) -> None:
    dag = found["dags"]["attribute_references"]
    assert dag["partitioned"] and dag["asset"] == "representations"
    assert dag["tasks"]["attribute"]["mapped"]
    assert (dag["tasks"]["attribute"]["pool"], dag["tasks"]["attribute"]["timeout"]) == ("gpu", 3600)


def test_with_reference_sets_in_the_settings_it_can_be_read_too(tmp_path: Path) -> None:
    found = read_dags(tmp_path, CARLOS_REFERENCES="/styles/house s3://bucket/brand")
    assert found["errors"] == {}
    assert found["heavy"] == []
