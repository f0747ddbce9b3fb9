"""`report_transparency` and `attribute_references` as Airflow reads them."""

from pathlib import Path
from typing import Any

import pytest

from carlos_tasks.errors import NotFound
from carlos_tasks.settings import load_settings
from tests.dags.fresh_airflow import read_dags
from tests.lakes import migrated_lake

REPOSITORY = Path(__file__).parents[2]


def test_a_transparency_report_is_released_after_an_approval(found: dict[str, Any]) -> None:
    tasks = found["dags"]["report_transparency"]["tasks"]
    assert tasks["approve"]["upstream"] == ["draft"]
    assert tasks["release"]["upstream"] == ["approve", "draft"]


def test_each_reference_set_is_a_task_of_its_own_where_the_encoder_is(found: dict[str, Any]) -> None:
    dag = found["dags"]["attribute_references"]
    assert dag["partitioned"] and dag["asset"] == "representations"
    assert dag["tasks"]["attribute"]["mapped"]
    assert (dag["tasks"]["attribute"]["pool"], dag["tasks"]["attribute"]["timeout"]) == ("gpu", 3600)


def test_an_empty_index_is_nothing_to_do_and_a_set_that_is_not_there_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("CARLOS_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("CARLOS_CATALOG", f"sqlite:{tmp_path / 'catalog.sqlite'}")
    monkeypatch.syspath_prepend(REPOSITORY / "dags")
    from airflow.sdk.exceptions import AirflowSkipException
    from attribute_references import attribute_references

    migrated_lake(load_settings())
    attribute = attribute_references().get_task("attribute").python_callable
    house = tmp_path / "house"
    with pytest.raises(NotFound, match="there is no folder"):
        attribute(str(house), "micro", params={"again": False})
    house.mkdir()
    (house / "reference.toml").write_text(
        'title = "House"\nrights_holder = "House"\nprovenance = "made for this test"\nlicence = "CC0"\n'
        'texts = ["a photo in the house style"]\n'
    )
    with pytest.raises(AirflowSkipException, match="no LoRA is measured"):
        attribute(str(house), "micro", params={"again": False})


def test_with_reference_sets_in_the_settings_it_can_be_read_too(tmp_path: Path) -> None:
    found = read_dags(tmp_path, CARLOS_REFERENCES="/styles/house s3://bucket/brand")
    assert found["errors"] == {}
    assert found["heavy"] == []
