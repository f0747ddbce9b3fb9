"""The explorer where there is nothing to show: no lake, an empty one, one that cannot be read."""

from pathlib import Path
from typing import Any

from carlos_tasks.settings import load_settings
from tests.lakes import migrated_lake


def test_where_there_is_no_lake_a_page_says_how_to_get_one(ann: Any, lake: Path) -> None:
    page = ann.get("/carlos/")
    assert page.status_code == 200
    assert "Nothing is indexed yet" in page.text
    assert "discover_loras" in page.text


def test_an_empty_lake_is_told_like_none(ann: Any, lake: Path) -> None:
    migrated_lake(load_settings(), used=False)
    assert "Nothing is indexed yet" in ann.get("/carlos/").text


def test_a_lake_that_cannot_be_read_is_a_page_with_the_reason(ann: Any, lake: Path) -> None:
    (lake / "catalog.sqlite").write_bytes(b"this is no catalog" * 100)
    page = ann.get("/carlos/")
    assert page.status_code == 503
    assert "The lake cannot be read" in page.text
